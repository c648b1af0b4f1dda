# make demo: set up and run the main job   make test: set up and run the tests
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

.PHONY: setup demo test test-all test-slow lint bench-transformers bench-video clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/curation demo $(DEMO)

test: setup
	$(BIN)/python -m pytest -m 'not slow'

# The slow tests train a tiny model, so they need torch: the CPU build that the extra `proof` pins; and Ray.
$(VENV)/.proof: $(VENV)/.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,proof,ray]'
	touch $@

# … and the libraries that read the exports back, each in an environment of its own under .bench.
.bench/.done: benchmarks/environments.py pyproject.toml $(VENV)/.done
	$(BIN)/python benchmarks/environments.py
	touch $@

test-slow: $(VENV)/.proof .bench/.done
	CURATION_REQUIRE_TORCH=1 CURATION_REQUIRE_PEERS=1 CURATION_REQUIRE_RAY=1 $(BIN)/python -m pytest -m slow

test-all: test test-slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-transformers: .bench/.done
	.bench/transformers/bin/python benchmarks/pull.py
	.bench/transformers/bin/python benchmarks/encode.py $(TOKENIZER)

# torchcodec loads FFmpeg's libraries from the system: apt install ffmpeg
bench-video: setup
	test -x .bench/video/bin/python || $(PYTHON) -m venv .bench/video
	.bench/video/bin/python -m pip install --quiet torch==2.13.0 'torchcodec>=0.11.1,<0.14' -c constraints.txt -e .
	.bench/video/bin/python -c 'import torchcodec' 2>/dev/null || echo 'no torchcodec row: apt install ffmpeg' >&2
	.bench/video/bin/python benchmarks/video.py

clean:
	rm -rf $(VENV) demo build dist *.egg-info
