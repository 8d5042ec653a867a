# The few commands. Each begins from nothing: PYTHON makes .venv, pip fills it with the
# exact files that the lock names. A file in .venv remembers that it was done.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Extras stand in the lock, too: an older pip holds coverage[toml] against no other pin.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

.PHONY: run setup setup-dev test test-pure check bench lock messages

run: setup
	$(BIN)/iku example
	exec $(BIN)/iku serve

setup: $(VENV)/.installed

setup-dev: $(VENV)/.installed-dev

# The pure rooms are held to every branch; the others run without that, at half the time.
# Three at once, since much of a test is waiting for its database; by file, since those of
# a file often share a register that takes a while to fill, and in the order given, for
# that begins with what takes longest. Examples are derived from the tests themselves:
# whether every branch is reached must not be left to chance.
PYTEST := $(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder --hypothesis-profile=ci

# mypy thinks on one processor for as long as the pure rooms take.
test: setup-dev
	@$(MAKE) --no-print-directory --jobs=2 check test-pure
	@$(PYTEST) --ignore=tests/domain --ignore=tests/ledger

test-pure: setup-dev
	@$(PYTEST) tests/domain tests/ledger --cov=iku.domain --cov=iku.ledger \
		--cov-branch --cov-fail-under=100

check: setup-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Sentences from the code into the catalog, and what programs read of it. Fails where a
# translation is missing: write it into src/iku/locale/id/LC_MESSAGES/iku.po.
messages: setup-dev
	$(BIN)/python -m tests.catalog

# As modules, for they share how registers are filled and measured; those are no measure.
NO_BENCH := $(addprefix benchmarks/,__init__.py loading.py measuring.py registers.py report.py served.py stores.py)
bench: setup-dev $(VENV)/.installed-bench
	@set -e; for script in $(filter-out $(NO_BENCH),$(wildcard benchmarks/*.py)); \
	do echo "== $$script"; $(BIN)/python -m benchmarks.$$(basename $$script .py); done
	$(BIN)/python -m benchmarks.report

# The only command that asks a registry which versions there are.
lock: setup-dev
	$(COMPILE) --group build -o requirements.lock pyproject.toml
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(COMPILE) --group pyproject.toml:bench -c requirements-dev.lock -o requirements-bench.lock

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# Hashes cannot be asked of the checkout itself, hence two calls; the second fetches
# nothing, for what builds it is in the lock.
$(VENV)/.installed: requirements.lock pyproject.toml | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(VENV)/.installed-bench: requirements-bench.lock $(VENV)/.installed-dev
	$(PIP) install --quiet --require-hashes -r requirements-bench.lock
	@touch $@
