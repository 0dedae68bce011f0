# `make` or `make help` lists the targets. All of them use .venv, which `make install` creates.
SHELL := bash
PYTHON ?= $(firstword $(foreach p,python3.13 python3.12 python3.11 python3 python,$(if $(shell $(p) -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo ok),$(p))))
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast test-slow test-clients test-spark test-pages bench bench-regression lint format ui dbt-build docs site-docs gallery clean lock

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

install: $(READY) ## create .venv with all dependencies (Python 3.11 to 3.13 with pip)

$(READY): pyproject.toml requirements.lock
	@if [ -z "$(PYTHON)" ]; then echo "make: no Python 3.11, 3.12 or 3.13 with venv and pip was found; install one, or set its path: make PYTHON=/path/to/python install" >&2; exit 1; fi
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing into .venv"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "uv>=0.5"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode --requirements requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@$(BIN)/python -m compileall -q f1_lakehouse
	@touch $@

demo: install ## run a generated race weekend through the lakehouse, in a separate lake
	@$(BIN)/f1 demo

# In memory, where there are 4 GB of it: the tests write thousands of files and wait for the disk a fifth of their time.
IN_MEMORY := $(shell test -w /dev/shm && test "$$(df -kP /dev/shm | awk 'NR == 2 {print $$4}')" -gt 4000000 && echo TMPDIR=/dev/shm)
test: install ## run all tests that are not slow
	@$(IN_MEMORY) $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder --durations 15

test-fast: install ## run the unit tests: no Dagster, no dbt; the default while coding
	@$(IN_MEMORY) $(BIN)/pytest tests/unit -n auto --dist loadfile --no-loadscope-reorder

test-slow: install ## run all tests, exhaustively: hundreds of kills, thousands of mutated payloads
	@F1_TEST_EXAMPLES=$${F1_TEST_EXAMPLES:-300} F1_TEST_KILLS=$${F1_TEST_KILLS:-300} $(BIN)/pytest -m 'slow or not slow'

CLIENTS ?= local_data/clients
test-clients: install ## test gold.duckdb in DuckDB 1.0, 1.4 and the newest, pandas, polars and ibis; installs them from the package index
	@set -e; while read -r name packages; do \
		test -x "$(CLIENTS)/$$name/bin/python" || $(BIN)/uv venv --quiet --python $(BIN)/python "$(CLIENTS)/$$name"; \
		$(BIN)/uv pip install --quiet --upgrade --python "$(CLIENTS)/$$name/bin/python" $$packages; \
	done < tests/e2e/clients.txt
	@F1_TEST_CLIENTS="$(abspath $(CLIENTS))" $(BIN)/pytest tests/e2e/test_clients.py

SPARK ?= local_data/spark
test-spark: install ## test F1_ENGINE=spark on Sail in an environment of its own; installs it from the package index (400 MB)
	@test -x "$(SPARK)/bin/python" || $(BIN)/uv venv --quiet --python $(BIN)/python "$(SPARK)"
	@$(BIN)/uv pip install --quiet --python "$(SPARK)/bin/python" --requirements requirements.lock
	@$(BIN)/uv pip install --quiet --python "$(SPARK)/bin/python" --editable ".[spark]" "pysail>=0.7,<0.8"
	@"$(SPARK)/bin/pytest" -m slow -n0 tests/dbt/test_dbt_spark.py

test-pages: install ## test the pages in chromium, with axe-core; installs playwright and axe from the package index
	@$(BIN)/uv pip install --quiet --python $(BIN)/python "playwright>=1.50,<2" "axe-playwright-python>=0.1.4,<0.2"
	@$(BIN)/pytest -m slow tests/site/test_browser.py

BENCH_DATA ?= local_data/benchmarks
bench: install ## compare speed and memory with references, into benchmarks/RESULTS.md (QUICK=1: under three minutes)
	@test -x $(BENCH_DATA)/dlt/bin/python || $(PYTHON) -m venv $(BENCH_DATA)/dlt
	@$(BIN)/uv pip install --quiet --python $(BENCH_DATA)/dlt/bin/python --requirements benchmarks/requirements-dlt.txt
	@F1_BENCH_DATA="$(abspath $(BENCH_DATA))" $(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(BENCH_ARGS)

AGAINST ?= HEAD
bench-regression: install ## compare speed and memory with the commit AGAINST, in three minutes
	@F1_BENCH_DATA="$(abspath $(BENCH_DATA))" $(BIN)/python -m benchmarks regression --against "$(AGAINST)" $(BENCH_ARGS)

lint: install ## check style, SQL, types, and that every import points down the layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --disable-progress-bar --processes 2 dbt_f1
	@$(BIN)/lint-imports --no-cache

format: install ## format the code with ruff
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

ui: install ## run the Dagster UI and daemon on local_data
	@$(BIN)/f1 ui

DBT_LAKE ?= local_data
DBT_WAREHOUSE ?= $(DBT_LAKE)/warehouse.duckdb
DBT_TARGET = $(abspath $(DBT_LAKE))/dbt-build
dbt-build: install ## run only dbt, with its unit tests, on the bronze of DBT_LAKE into the file DBT_WAREHOUSE
	@F1_BRONZE_URI="$(abspath $(DBT_LAKE))/bronze" F1_WAREHOUSE="$(abspath $(DBT_WAREHOUSE))" $(BIN)/dbt build --project-dir dbt_f1 --profiles-dir dbt_f1 --target-path "$(DBT_TARGET)" --log-path "$(DBT_TARGET)" --warn-error-options '{"error": ["Deprecations"]}'

docs: install ## build the dbt docs site of the published models, in local_data/docs
	@$(BIN)/python -m f1_lakehouse.dbt.docs_site

SITE_DOCS_READY := .venv/.ready-docs
$(SITE_DOCS_READY): $(READY) docs/requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --requirements docs/requirements.lock
	@touch $@

site-docs: $(SITE_DOCS_READY) ## build the pages of docs/ as a site, in local_data/site-docs; a broken link fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml

GALLERY_LAKE ?= local_data/gallery
gallery: $(SITE_DOCS_READY) ## run the examples of docs/gallery on a generated lake and draw their pictures
	@$(BIN)/python docs/draw_gallery.py $(GALLERY_LAKE)

# Without the extra spark: it brings pandas, gRPC and a second dbt adapter, which only make test-spark needs.
LOCKED := alerts explore lineage metrics strategy postgres
lock: ## update requirements.lock and docs/requirements.lock from pyproject.toml
	@$(BIN)/uv pip compile pyproject.toml $(addprefix --extra ,$(LOCKED)) --group dev --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet --output-file requirements.lock
	@$(BIN)/uv pip compile --group docs --constraint requirements.lock --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet --output-file docs/requirements.lock

clean: ## remove .venv and caches; lakes stay
	@rm -rf .venv build *.egg-info .mypy_cache .ruff_cache .pytest_cache
