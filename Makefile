# make demo: set up and run the main job   make test: set up and run the tests
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
DEMO ?= demo

.PHONY: setup demo test test-all test-slow lint bench-transformers clean

setup: $(VENV)/.done

$(VENV)/.done: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

demo: setup
	$(BIN)/curation demo $(DEMO)

test: setup
	$(BIN)/python -m pytest -m 'not slow'

# The slow tests train a tiny model, so they need torch: the CPU build that the extra `proof` pins.
$(VENV)/.proof: $(VENV)/.done
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,proof]'
	touch $@

test-slow: $(VENV)/.proof
	CURATION_REQUIRE_TORCH=1 $(BIN)/python -m pytest -m slow

test-all: test test-slow

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench-transformers: setup
	test -x .bench/transformers/bin/python || $(PYTHON) -m venv .bench/transformers
	.bench/transformers/bin/python -m pip install --quiet torch==2.13.0 'transformers>=5.20,<6' -c constraints.txt -e .
	.bench/transformers/bin/python benchmarks/pull.py
	.bench/transformers/bin/python benchmarks/encode.py $(TOKENIZER)

clean:
	rm -rf $(VENV) demo build dist *.egg-info
