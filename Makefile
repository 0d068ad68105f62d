# make demo   see a secured application at work        make test   run the tests
# Each target sets up what it needs, in its own virtual environment; Python 3.11 or newer is all it asks for.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet

# The other interpreters on which the tests run too, where they are found.
VERSIONS := 3.12 3.13 3.14
# A command of that name may be a shim that starts nothing: the first that runs is taken.
find_python = $(shell for python in $(wildcard $(HOME)/.pyenv/versions/$(1).*/bin/python) python$(1); do \
  "$$python" -c 'pass' >/dev/null 2>&1 && echo "$$python" && break; done)

.PHONY: demo serve test test-matrix test-cluster test-slow test-docs test-pythons lint format bench bench-quick soak compare mutants docs docs-serve wheel clean

demo: $(VENV)/demo.installed
	$(BIN)/python -m examples.demo

serve: $(VENV)/demo.installed
	$(BIN)/python -m examples.demo --serve

test: $(VENV)/test.installed
	$(BIN)/python -m pytest -m "not matrix and not cluster and not slow and not site" --numprocesses=auto --cov --cov-report=term

test-matrix: $(VENV)/test.installed
	$(BIN)/python -m pytest -m matrix tests/matrix

test-cluster: $(VENV)/test.installed
	$(BIN)/python -m pytest -m cluster tests

test-slow: $(VENV)/test.installed
	$(BIN)/python -m pytest -m slow tests

test-docs: $(VENV)/test.installed
	$(BIN)/python -m pytest -m site tests/docs

test-pythons:
	@for version in $(foreach v,$(VERSIONS),$(if $(call find_python,$(v)),$(v)=$(call find_python,$(v)))); do \
	  echo "== tests on Python $${version%%=*}"; \
	  $(MAKE) --no-print-directory VENV=.venv-$${version%%=*} PYTHON=$${version#*=} .venv-$${version%%=*}/test.installed || exit 1; \
	  .venv-$${version%%=*}/bin/python -m pytest -m "not matrix and not cluster and not slow and not site" --numprocesses=auto || exit 1; \
	done

lint: $(VENV)/lint.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/lint.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

compare: $(VENV)/compare.installed
	$(BIN)/python -m bench.compare

bench: $(VENV)/bench.installed
	$(BIN)/python -m bench

# How long, in seconds: `make soak SOAK=60`.
SOAK ?= 300
soak: $(VENV)/soak.installed
	$(BIN)/python -m bench.scale.soak --seconds $(SOAK)

# A first look: a few rounds, and nothing is written.
bench-quick: $(VENV)/bench.installed
	$(BIN)/python -m bench --rounds 6 --imports 3 --no-write

# NO_MKDOCS_2_WARNING: the theme's advertisement for its successor.
# About an hour on two cores the first time; afterwards what changed.
mutants: $(VENV)/mutation.installed
	$(BIN)/python -m tests.mutation $(PARTS)

docs: $(VENV)/docs.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build
	@echo "the documentation is in site/index.html"

docs-serve: $(VENV)/docs.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

wheel: $(VENV)/test.installed
	$(PIP) install build
	$(BIN)/python -m build

clean:
	rm -rf .venv .venv-* dist site .mutants .coverage .hypothesis .mypy_cache .ruff_cache

# One stamp per dependency group: `make demo` does not wait for the linters.
$(VENV)/%.installed: pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "asgisec needs Python 3.11 or newer; set PYTHON=/path/to/it"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing what 'make $*' needs into $(VENV)"
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --group $* --editable .
	@touch $@
