# The short commands. `make serve` needs Python 3.11 or newer with pip, and make; nothing else.
PYTHON ?= python3
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
GENERATOR := .venv-generator
NPM_CLIENTS := .npm-clients
export PATH := $(PATH):$(CURDIR)/$(GENERATOR)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt

.PHONY: help serve test check tests nightly soak benchmarks constraints redis-server clean

help:
	@echo "make serve       the service and its page on http://localhost:$(PORT)/; jobs and files are kept in .limen"
	@echo "make test        every check and every test"
	@echo "make check       ruff, mypy, import contracts, spelling, Dockerfiles, JavaScript: under a minute"
	@echo "make tests       the tests alone, and how much of the code they run; ARGS='tests/unit -x' narrows them"
	@echo "make nightly     every table of the papers from drawn data sets"
	@echo "make soak        an hour of work in each mode, and ten minutes each of a crowd and of hosts that are switched off"
	@echo "make benchmarks  times and sizes on this machine"
	@echo "make constraints the newest versions of all packages, into constraints.txt"

serve: $(VENV)/serving.stamp
	$(BIN)/limen serve --port $(PORT)

test: check tests

check: $(VENV)/complete.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/*.Dockerfile
	$(BIN)/oxlint app/page

# All tests also say what share of the lines they run; a part of them cannot.
TESTS := pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder
tests: $(VENV)/complete.stamp $(GENERATOR)/complete.stamp $(NPM_CLIENTS)/complete.stamp redis-server
ifdef ARGS
	$(BIN)/python -m $(TESTS) $(ARGS)
else
	$(BIN)/coverage erase
	$(BIN)/coverage run -m $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
endif

# An hour or more: every table of the papers, from look-alikes with forty sources.
nightly: $(VENV)/complete.stamp
	$(BIN)/python -m tests.benchmarks.training.paper_tables --sources 40

# Two hours and more: nothing grows, nothing is lost.
soak: $(VENV)/complete.stamp redis-server
	LIMEN_KILLS=30 $(BIN)/python -m pytest -q -s tests/e2e/test_durable.py
	$(BIN)/python -m tests.benchmarks.soak.crowd
	$(BIN)/python -m tests.benchmarks.soak.fleet
	$(BIN)/python -m tests.benchmarks.soak.steady

benchmarks: $(VENV)/complete.stamp
	$(BIN)/python -m tests.benchmarks.path_cost
	$(BIN)/python -m tests.benchmarks.sur_cost
	$(BIN)/python -m tests.benchmarks.request_cost app/page/sample.png

# One version of each package for every Python from 3.11 on. PyTorch's CUDA build brings its own versions of CUDA's parts.
constraints: | $(BIN)/python
	$(BIN)/python -m pip install --disable-pip-version-check uv
	echo '# Made by `make constraints`: what pip installs of each package that pyproject.toml asks for, and of theirs.' > constraints.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --fork-strategy fewest --all-extras \
		--no-header --no-annotate pyproject.toml | grep --invert-match --extended-regexp '^(nvidia|cuda|triton)' >> constraints.txt

# Debian's python3 without python3-venv cannot put pip into a new environment; its own pip can.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Limen needs Python 3.11 or newer: make PYTHON=python3.x")'
	$(PYTHON) -m venv $(VENV) || { \
		$(PYTHON) -m venv --clear --without-pip $(VENV) && \
		$(PYTHON) -m pip --python $(BIN)/python install pip; }

$(VENV)/serving.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[api,worker]'
	@touch $@

$(VENV)/complete.stamp: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) --editable '.[api,worker,training,dev]'
	@touch $@ $(VENV)/serving.stamp

# The generator of clients asks for another version of typer than Limen does: an environment of its own, for a test.
$(GENERATOR)/complete.stamp: | $(BIN)/python
	$(BIN)/python -m venv --without-pip $(GENERATOR)
	$(BIN)/python -m pip --python $(GENERATOR)/bin/python install --disable-pip-version-check openapi-python-client==0.29.1
	@touch $@

# What makes and compiles the TypeScript client, for a test that is skipped without npm.
$(NPM_CLIENTS)/complete.stamp: tests/e2e/clients/typescript/package.json
	@mkdir -p $(NPM_CLIENTS)
	@if command -v npm >/dev/null; then \
		cp $< $(NPM_CLIENTS)/ && npm install --prefix $(NPM_CLIENTS) --no-package-lock --no-audit --no-fund; \
	else echo "Without npm (package npm) the TypeScript client is not tested." >&2; fi
	@touch $@

redis-server:
	@command -v redis-server >/dev/null || { \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update && apt-get install --yes --no-install-recommends redis-server; \
		else \
			echo "The tests need the program redis-server (package redis-server or redis) on the PATH." >&2; exit 1; \
		fi; }

clean:
	rm -rf $(VENV) $(GENERATOR) $(NPM_CLIENTS) .coverage .coverage.* build dist *.egg-info .mypy_cache .ruff_cache .hypothesis .import_linter_cache
