# The one entry for people and CI; `make` alone lists the targets.

VENV := .venv
BIN := $(VENV)/bin
SDKS := $(VENV)/sdks
PYTHON ?= python3
ARGS ?=
# Behind the machine's own: the environment brings Node.js from PyPI where the machine has none. Not for `run`, whose
# server tells commands to copy as they must be typed outside of make.
test test-long check proto bench: export PATH := $(PATH):$(CURDIR)/$(BIN)

.DEFAULT_GOAL := help
.PHONY: help setup run test test-long check proto lock bench clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

setup: $(VENV)/.stamp $(SDKS)/.stamp ## make .venv with trunkline in it; does nothing when nothing changed

# The stamp is newer than what it was made from exactly as long as nothing changed.
$(VENV)/.stamp: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "Python's venv module is needed (Debian: apt-get install python3-venv)" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# ThingsBoard's own clients, for tests: one of them brings a paho of its own, so they get an environment of their own.
$(SDKS)/.stamp: tests/system/sdks/requirements.lock | $(VENV)/.stamp
	$(BIN)/python -m venv --without-pip $(SDKS)
	$(BIN)/python -m pip --python $(SDKS)/bin/python install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

run: $(VENV)/.stamp ## set up, then serve the demo: REST on 8080, MQTT on 1883 and 8883, gRPC on 9090
	$(BIN)/trunkline serve --demo $(ARGS)

test: setup ## set up, then run the tests that this machine can run
	$(BIN)/pytest -m "not long" $(ARGS)

test-long: setup ## kill, soak and fuzz runs
	$(BIN)/pytest -m long $(ARGS)

check: setup ## linters, types, import rules, contract, layout and links
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/lint-imports
	PYTHON=$(CURDIR)/$(BIN)/python proto/check.sh
	$(BIN)/pytest --quiet tests/test_layout.py

proto: setup ## regenerate the stubs in proto/python/trunkline/v1
	PYTHON=$(CURDIR)/$(BIN)/python proto/generate.sh

pin = UV_CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/uv pip compile $(1) --quiet --upgrade --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --output-file $(2)

lock: setup ## pin the dependencies anew in requirements.lock
	$(call pin,pyproject.toml --extra dev,requirements.lock)
	$(call pin,tests/system/sdks/requirements.in,tests/system/sdks/requirements.lock)

bench: setup ## measure speed and memory: table, JSON and plot in bench/results
	$(BIN)/python bench/run.py $(ARGS)

clean: ## remove what make made; the data directory .trunkline stays
	rm -rf $(VENV) dist build bench/results examples/node/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
