# make demo: set up and run the main job   make test: set up and run the tests
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

.PHONY: setup demo test test-all test-slow lint bench bench-quick clean

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

# … and the libraries that read the exports back. Benchmarks run beside these and others, in environments under .bench.
.bench/.done: benchmarks/environments.py pyproject.toml $(VENV)/.done
	$(BIN)/python benchmarks/environments.py transformers streaming energon
	touch $@

.bench/.rivals: .bench/.done
	$(BIN)/python benchmarks/environments.py rivals
	touch $@

test-slow: $(VENV)/.proof .bench/.done
	CURATION_REQUIRE_TORCH=1 CURATION_REQUIRE_PEERS=1 CURATION_REQUIRE_RAY=1 $(BIN)/python -m pytest -m slow

test-all: test test-slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Ours beside rivals, about half an hour; writes benchmarks/results.md. `make bench NAME=packing` runs a row, or some.
# torchcodec loads FFmpeg's libraries from the system: apt install ffmpeg
bench: .bench/.rivals
	$(BIN)/python benchmarks/run.py $(NAME)

bench-quick: .bench/.rivals
	$(BIN)/python benchmarks/run.py --quick --output .bench/quick.md $(NAME)

clean:
	rm -rf $(VENV) demo build dist *.egg-info
