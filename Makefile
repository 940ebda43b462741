# Everything a developer or a new user types. `make setup` is a prerequisite of all of it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
export DO_NOT_TRACK := 1
PY := .venv/bin/python
UV_VERSION := 0.13.8
XDIST ?= 2

NPM_READY := node_modules/.package-lock.json
WEB := prefect_platform/server/app/web/dist/index.html

.PHONY: help setup web web-api screenshots demo test check docs bench-register bench-start bench-logs bench-kill bench-promises bench-resources bench-dask bench-ui

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 18

setup: .venv/ready ## make .venv from the pinned versions, with compiled bytecode

.venv/ready: pyproject.toml constraints.txt
	@echo "Setting up .venv (once; again when the pins change) ..."
	@test -x $(PY) || python3 -m venv --without-pip .venv
	@test -x .venv/tools/bin/uv || python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action ignore \
	  --target .venv/tools uv==$(UV_VERSION)
	@.venv/tools/bin/uv pip install --quiet --python $(PY) --compile-bytecode -c constraints.txt -e '.[all]' --group dev
	@# JupyterLab brings it for a format check that nothing here needs, and it adds a second to every import of Prefect.
	@.venv/tools/bin/uv pip uninstall --quiet --python $(PY) rfc3987-syntax
	@touch $@

web: $(WEB) ## the web UI, built into the package

$(NPM_READY): package.json package-lock.json .npmrc $(wildcard web_ui/*/package.json)
	@echo "Installing what the web UI is built with ..."
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(WEB): $(NPM_READY) $(shell find web_ui -type f -not -name '*.test.*')
	@npm run --silent build

web-api: setup $(NPM_READY) | build ## the types of the API for the web UI, from the server's own description
	@$(PY) -m tests.packaging.openapi > build/openapi.json
	@npm run --silent api

demo: setup web ## a notebook registers a flow, it runs, its log is sealed (ONCE=1: then stop)
	@$(PY) examples/demo.py $(if $(ONCE),--once)

test: setup web ## everything: gates, unit, contract, integration, packaging, examples
	@bash tests/prerequisites.sh
	@$(MAKE) --no-print-directory check-static
	@$(PY) -m pytest -n $(XDIST) --dist worksteal tests || { \
	  echo "Real servers share two cores: what failed beside others is run once more, alone."; \
	  $(PY) -m pytest --last-failed --last-failed-no-failures none tests; }

check: setup $(NPM_READY) ## format, lint, types, import contracts, unit tests: under two minutes
	@$(MAKE) --no-print-directory check-static
	@$(PY) -m pytest -n $(XDIST) -m 'not slow' tests/unit tests/packaging

.PHONY: check-static
check-static: | build
	@.venv/bin/ruff format --check --quiet . || { echo "Not formatted: run .venv/bin/ruff format ."; exit 1; }
	@.venv/bin/ruff check --quiet .
	@.venv/bin/mypy --no-error-summary
	@npm run --silent check
	@.venv/bin/lint-imports > build/lint-imports.log 2>&1 || { cat build/lint-imports.log; exit 1; }

docs: setup ## regenerate what docs/reference says of settings, commands, routes and errors
	@$(PY) -m tests.packaging.reference --write

bench-register bench-start bench-logs bench-kill bench-promises bench-resources bench-dask bench-ui: setup web ## our figures beside stock Prefect's, as a table and build/bench/NAME.json
	@$(PY) -m tests.benchmarks.$(subst bench-,,$@)

screenshots: setup web ## every page in light, dark and narrow, into build/screenshots
	@bash tests/prerequisites.sh
	@$(PY) -m tests.ui.screenshots

build:
	@mkdir -p build
