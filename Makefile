# Two commands on a fresh machine: make demo, make test. make help lists the rest.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Folder of Dagster's history. Without it, the history of a run is lost at its end.
export DAGSTER_HOME ?= $(CURDIR)
export DAGSTER_DISABLE_TELEMETRY ?= yes
export PYTHONWARNINGS ?= ignore::UserWarning,ignore::DeprecationWarning

.PHONY: help install demo test pytest test-cluster test-ui test-wheel test-parity test-faults test-automation test-postgres test-docs test-store test-data test-living soak fuzz audit lint ui report docs site screenshots clean
.DEFAULT_GOAL := help

help: ## List the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(INSTALLED): setup.cfg pyproject.toml .ci/constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v < (3, 14) else f"Python 3.10 to 3.13 is needed, {sys.executable} is {v[0]}.{v[1]}; name another: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing pinned dependencies into $(VENV) (a few minutes, once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[dev]'
	@echo "Letting Java keep Spark's classes, and compiling the engines, so that runs start faster ..."
	-@$(BIN)/python -W ignore -m whatif_assets.engines.spark.session 2>/dev/null & \
		$(BIN)/python -m whatif_assets.engines.compile_once; wait
	@touch $@

install: $(INSTALLED) ## Create the virtual environment

demo: $(INSTALLED) ## Run the demo study and print the best configuration
	@$(BIN)/whatif run demo

# Three processes on two cores: some tests wait for processes that they start.
test: $(INSTALLED) ## Lint, check types and layers, and run the tests; the targets test-* run the others
	@$(MAKE) --no-print-directory --jobs=2 lint pytest

pytest: $(INSTALLED)
	@$(BIN)/python -m pytest -n 3 --dist worksteal -m "not (cluster or ui or wheel or faults or automation or postgres or docs or store or soak)"

test-cluster: $(INSTALLED) ## Run a study on a Spark cluster of this machine
	@$(BIN)/python -m pytest -m cluster

test-ui: $(INSTALLED) ## Test the running UI, and the report's page in Chromium
	@$(BIN)/python -m pytest -m ui

test-wheel: $(INSTALLED) ## Build the wheel, and use it outside of this folder
	@$(BIN)/python -m pytest -m wheel

test-automation: $(INSTALLED) ## Test the schedule, the sensor and the daemon on sessions that come one by one
	@$(BIN)/python -m pytest -m automation whatif_assets_tests/automation

test-postgres: $(INSTALLED) ## Run two users' work on PostgreSQL; skipped where it is not installed
	@$(BIN)/python -m pytest -m postgres

test-docs: $(INSTALLED) ## Run the tutorial, the how-tos and the notebooks of the documentation
	@$(BIN)/python -m pytest -n 2 -m docs whatif_assets_tests/python

test-store: $(INSTALLED) ## Run a study whose lake is in an object store
	@$(BIN)/python -m pytest -m store whatif_assets_tests/home

test-data: $(INSTALLED) ## Run the tests of data: sources, bars, quality, facts, features
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(addprefix whatif_assets_tests/, \
		sources domain/bars domain/quality domain/features steps/test_ingest.py \
		$(addprefix orchestration/assets/, test_bar_sizes.py test_corporate_actions.py \
		test_facts.py test_incremental.py test_quality_checks.py) \
		end_to_end/test_bars_of_trades.py)

test-parity: $(INSTALLED) ## Compare the engines with Backtrader on all random examples, not on a quarter
	@WHATIF_THOROUGH=1 $(BIN)/python -m pytest -n 2 $(addprefix whatif_assets_tests/engines/, \
		test_parity.py portfolio/test_portfolio_parity.py portfolio/test_pairs.py)

test-faults: $(INSTALLED) ## Kill runs, fill disks, move clocks; WHATIF_KILLS=100 for a full run
	@$(BIN)/python -m pytest -m faults whatif_assets_tests/faults

soak: $(INSTALLED) ## Work on a home for an hour: memory, handles, processes and disk stay flat
	@$(BIN)/python -m pytest -s -m soak whatif_assets_tests/soak

fuzz: $(INSTALLED) ## Check 10,000 random studies, 3,000 keys and 1,000 files of bars
	@WHATIF_FUZZ=$${WHATIF_FUZZ:-1} $(BIN)/python -m pytest whatif_assets_tests/fuzz

audit: $(INSTALLED) ## Ask for known vulnerabilities, and write sbom.json; needs the network
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt pip-audit
	@$(BIN)/pip freeze --exclude-editable > .audited && $(BIN)/pip-audit --strict --no-deps --disable-pip \
		--requirement .audited --format cyclonedx-json --output sbom.json

test-living: $(INSTALLED) ## Test homes over thousands of random steps, different ones each time
	@WHATIF_LIVES=$${WHATIF_LIVES:-150} $(BIN)/python -m pytest -s whatif_assets_tests/living

lint: $(INSTALLED) ## Lint, check types and layers
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache --no-logo

ui: $(INSTALLED) ## Open the Dagster UI on 127.0.0.1:3000
	@$(BIN)/dagster dev --host 127.0.0.1 --port 3000

report: $(INSTALLED) ## Print the last result
	@$(BIN)/whatif report

docs: $(INSTALLED) ## Write docs/reference.md and docs/licences.md
	@$(BIN)/python -m docs.make_reference
	@$(BIN)/python -m docs.make_licences

site: $(INSTALLED) ## Build the documentation as a site, in the folder site
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[site]'
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --config-file .ci/mkdocs.yml

screenshots: $(INSTALLED) ## Take the pictures in docs/images from the running UI; needs Chromium
	@$(BIN)/python -m docs.take_screenshots

clean: ## Remove results and history; keep the virtual environment and the ledger of trials
	@rm -rf data/lake data/whatif.duckdb data/reports history storage schedules logs .logs_queue .nux .telemetry
