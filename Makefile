# make demo and make test each work from a fresh clone with nothing but Python 3.11+.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: demo test lint bench fuzz docs clean

demo: $(VENV)/.demo
	$(BIN)/hsiode demo

test: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --cov -n 2 --dist worksteal

lint: $(VENV)/.test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

bench: $(VENV)/.test
	$(BIN)/python tests/performance/run.py

SEED ?= 0
fuzz: $(VENV)/.test
	$(BIN)/python -m tests.robustness.fuzz --seed $(SEED) --files 10000 --models 5000 \
		--arguments 5000 --kills 200

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -W --keep-going docs docs/_build

$(VENV)/.python: constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt pip
	touch $@

$(VENV)/.demo: $(VENV)/.python pyproject.toml
	$(PIP) install --constraint constraints.txt --editable ".[plot]"
	touch $@

$(VENV)/.test: $(VENV)/.python pyproject.toml
	$(PIP) install --constraint constraints.txt --editable ".[all]" --group test --group lint
	touch $@

$(VENV)/.docs: $(VENV)/.test
	$(PIP) install --constraint constraints.txt --group docs
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/api
