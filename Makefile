# Every command of the project. `make demo` and `make test` need nothing done before: each installs what it uses.
# A bare machine needs Python 3.11 or newer (with venv), git and make.

PYTHON ?= python3 python3.14 python3.13 python3.12 python3.11
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check

# Nothing phones home; Dagster writes under var/ instead of into the working tree or the home directory.
export GX_ANALYTICS_ENABLED := false
export DAGSTER_DISABLE_TELEMETRY := yes
export DAGSTER_HOME := $(CURDIR)/var/dagster
# As `source .venv/bin/activate` would: `dg` starts other programs by name.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export PATH := $(VIRTUAL_ENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-faults test-spark check format dev bench lock wheel clean
.DELETE_ON_ERROR:

help: ## show this list
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- what is installed: one stamp per lock file, so that a second run has nothing to do ---

$(VENV)/.created:
	@found=; \
	for python in $(PYTHON); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$python; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "starledger needs Python 3.11 or newer; looked for: $(PYTHON). Next: install it, or say make PYTHON=/path/to/python" >&2; exit 1; \
	fi; \
	if ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	  echo "$$found cannot make virtual environments. Next: install its venv module (on Debian and Ubuntu: apt-get install python3-venv)" >&2; exit 1; \
	fi; \
	$$found -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.created
	@echo "Installing what starledger runs on (about a minute the first time)"
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(VENV)/.created
	@echo "Installing what starledger is tested and watched with (about a minute the first time)"
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.runtime $@

# A copy, because Dagster reads its settings only from the directory that it also writes to.
var/dagster/dagster.yaml: docs/deploy/dagster.yaml
	@mkdir -p $(@D)
	@cp $< $@

var/demo/ledger.db: | $(VENV)/.runtime
	$(BIN)/starledger demo

# --- what people ask for ---

setup: $(VENV)/.runtime ## install the runtime part into .venv

demo: $(VENV)/.runtime ## the main job on bundled data into var/demo (real files too: LAIT=DIR)
	$(BIN)/starledger demo $(if $(LAIT),--lait "$(LAIT)")

test: $(VENV)/.dev var/dagster/dagster.yaml ## run the tests (some of them: ARGS="tests/ratings -k bands")
	$(BIN)/python -m pytest $(or $(ARGS),--numprocesses auto --dist loadfile --no-loadscope-reorder)

test-faults: export STARLEDGER_KILLS ?= 200
test-faults: export STARLEDGER_FAULT_STEP ?= 1
test-faults: export STARLEDGER_RESTORED ?= 1000000
test-faults: export STARLEDGER_REQUESTS ?= 10000
test-faults: $(VENV)/.dev ## kill 200 appends an engine, break every file call, restore a million events, ask a server 10,000 times
	$(BIN)/python -m pytest tests/faults tests/audit/web/test_robustness.py -s $(ARGS)

# Spark and what the tests need, in an environment of their own: nobody else should have to fetch it.
SPARK := .venv-spark

$(SPARK)/.spark: requirements-spark.lock pyproject.toml | $(VENV)/.created
	@command -v java >/dev/null || { echo "Spark needs Java 17 or newer. Next: install it (on Debian and Ubuntu: apt-get install default-jre-headless)" >&2; exit 1; }
	@echo "Installing Spark into $(SPARK) (about two minutes the first time)"
	@test -x $(SPARK)/bin/python || $(BIN)/python -m venv $(SPARK)
	@$(SPARK)/bin/python -m pip --disable-pip-version-check install --quiet --require-hashes -r requirements-spark.lock
	@$(SPARK)/bin/python -m pip --disable-pip-version-check install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

test-spark: $(SPARK)/.spark ## compare Polars and PySpark (local, two threads) on the same functions
	$(SPARK)/bin/python -m pytest tests/ratings/test_engines.py $(ARGS)

check: $(VENV)/.dev var/dagster/dagster.yaml ## lint, format, types, import rules, Dagster definitions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/dg check defs

format: $(VENV)/.dev ## rewrite files the way check wants them
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

dev: export STARLEDGER_WAREHOUSE ?= $(CURDIR)/var/demo
dev: $(VENV)/.dev var/dagster/dagster.yaml var/demo/ledger.db ## Dagster's pages on the demo warehouse
	@$(BIN)/python -m assets.first_look
	$(BIN)/dg dev $(ARGS)

bench: $(VENV)/.dev var/dagster/dagster.yaml ## run every benchmark (one of them: make bench-ingest; some on real files too: LAIT=DIR)
	@set -e; for file in $(wildcard benchmarks/[a-z]*.py); do \
	  name=$$(basename $$file .py); echo "== $$name"; $(BIN)/python -m benchmarks.$$name $(ARGS); \
	done

bench-serve bench-trace: REAL = $(if $(LAIT),--lait "$(LAIT)")
bench-%: $(VENV)/.dev var/dagster/dagster.yaml
	$(BIN)/python -m benchmarks.$* $(REAL) $(ARGS)

# The larger lock first: the smaller one is held to its versions, so the two never disagree.
COMPILE := $(BIN)/uv pip compile pyproject.toml --no-config --universal --python-version 3.11 --quiet \
	--no-strip-extras --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)

lock: $(VENV)/.dev ## write the lock files after a change of pyproject.toml (newer versions: UPGRADE=1)
	$(COMPILE) --extra build --extra ui --extra dev --output-file requirements-dev.lock
	$(COMPILE) --extra build --constraint requirements-dev.lock --output-file requirements.lock
	$(COMPILE) --extra build --extra ui --extra dev --extra spark --constraint requirements-dev.lock --output-file requirements-spark.lock

wheel: $(VENV)/.runtime ## build the wheel into dist/
	@rm -rf build dist
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@rm -rf build
	@ls dist

clean: ## remove everything that was made, var/ with its warehouses included
	rm -rf $(VENV) $(SPARK) var build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
