# Tasks, one line each. `make setup` needs git, make and Python >= 3.11 with venv; what it installs is locked by hash.
PYTHON ?= python3
SEED ?= 20261124
EXAMPLES ?= 10000
ROUNDS ?= 9
RUN := .venv/bin/python -m

.PHONY: setup demo test lint system interop bench soak mutants peers policies dist locks clean

setup: .venv/.dev
demo: .venv/.runtime; .venv/bin/secmount demo
test: .venv/.dev; $(RUN) pytest -q -n 2
lint: .venv/.dev; $(RUN) ruff check && $(RUN) ruff format --check && $(RUN) mypy && .venv/bin/lint-imports --no-logo && .venv/bin/deptry . && $(RUN) pytest -q tests/house
system: .venv/.dev; $(RUN) pytest -q tests/system
interop: .venv/.dev; $(RUN) pytest -q -p no:randomly tests/interop
bench: .venv/.dev; $(RUN) tests.bench --rounds $(ROUNDS) && $(RUN) tests.bench.trust --rounds $(ROUNDS) && $(RUN) tests.bench.wire
soak: .venv/.dev; SECMOUNT_TEST_EXAMPLES=$(EXAMPLES) $(RUN) pytest -q -n 2 -p no:randomly --timeout=3600 --hypothesis-seed=$(SEED) tests/property tests/soak && $(MAKE) mutants MODULES=$$([ $(EXAMPLES) -ge 1000 ] || echo 1)
mutants: .venv/.dev; $(RUN) tests.soak.mutate $$([ -z "$(MODULES)" ] || $(RUN) tests.soak.mutants --choose $(MODULES) --seed $(SEED)) && $(RUN) tests.soak.mutants $(if $(MODULES),,--whole)
peers: ; tests/interop/peers/build
policies: ; tests/interop/peers/build opa && policies/build
dist: .venv/.runtime; $(RUN) hatchling build -c -t wheel -t sdist
clean: ; rm -rf .venv .bench dist .hypothesis .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

# A stamp is made when the step before it is whole, so a broken-off setup goes on where it stopped and a done one does nothing.
PIP := $(RUN) pip --disable-pip-version-check --quiet
LOCKED := install --no-deps --require-hashes --only-binary :all:

.venv/.made:
	@$(PYTHON) -c 'import sys; sys.exit("secmount needs Python 3.11 or later: make PYTHON=python3.x …" if sys.version_info < (3, 11) else 0)'
	@rm -rf .venv && $(PYTHON) -m venv .venv || { rm -rf .venv; echo "no venv: install Python's venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@touch $@
.venv/.runtime: .venv/.made requirements.lock requirements-build.lock pyproject.toml
	$(PIP) $(LOCKED) -r requirements.lock -r requirements-build.lock
	$(PIP) install --no-index --no-deps --no-build-isolation --force-reinstall --editable .
	@$(RUN) compileall -q secmount && touch $@
.venv/.dev: .venv/.runtime requirements-dev.lock
	$(PIP) $(LOCKED) -r requirements-dev.lock
	@touch $@

# Nothing younger than a week is taken, and no index is named in what comes out. `uv` must be in PATH.
LOCK := uv pip compile --quiet --generate-hashes --universal --python-version 3.11 --exclude-newer "7 days" --upgrade --custom-compile-command "make locks"
locks:
	$(LOCK) pyproject.toml -o requirements.lock
	$(LOCK) --group build -o requirements-build.lock
	$(LOCK) -c requirements.lock -c requirements-build.lock --group build --group dev pyproject.toml -o requirements-dev.lock
