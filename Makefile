# Each target works in a fresh checkout: PYTHON creates .venv, pip installs the files of
# the lock file. A marker file in .venv records that this was done.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Each process of the tests would otherwise compile the program that it imports.
unexport PYTHONDONTWRITEBYTECODE
# Extras are kept in the lock: an older pip matches coverage[toml] with no other pin.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-strip-extras --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

# uv installs in a quarter of the processor time of pip. It is given pip's index, but reads
# no other settings of pip: if it fails, pip installs instead.
define install
@index=$$($(PIP) config list | sed -n "s/^.*\.index-url='\(.*\)'$$/\1/p" | tail -n 1); \
$(BIN)/uv pip install --quiet --no-cache --system-certs --python $(BIN)/python \
	$${index:+--default-index "$$index"} --require-hashes -r $(1) || \
{ echo "uv failed; pip installs $(1)" >&2; \
	$(PIP) install --quiet --require-hashes -r $(1); }
endef

.PHONY: run setup setup-dev test test-pure test-rest check bench lock messages shape pictures

run: setup
	$(BIN)/iku example
	exec $(BIN)/iku serve

setup: $(VENV)/.installed

setup-dev: $(VENV)/.installed-dev

# SAMPLES=all, as in .ci/run, tries all that tests/samples.py would otherwise sample, and
# demands that each branch of domain/ and ledger/ is covered; measuring it doubles the time.
SAMPLES ?= few
ifeq ($(SAMPLES),all)
COVERAGE := --cov=iku.domain --cov=iku.ledger --cov-branch --cov-fail-under=100
endif
export SAMPLES

# Tests are distributed by group, because the tests of a file often share a register that
# is slow to fill; in the given order, which starts with the longest (tests/conftest.py).
# Hypothesis is derandomised (both profiles), so that coverage does not depend on chance.
PYTEST := $(BIN)/pytest --dist loadgroup --no-loadscope-reorder \
	--hypothesis-profile=$(if $(COVERAGE),ci,sample)

# Both at once: tests often wait for the database.
test: setup-dev
	@$(MAKE) --no-print-directory --jobs=2 test-pure test-rest

REST := --ignore=tests/domain --ignore=tests/ledger

# One process is enough, because each further one imports everything and starts a server.
test-pure: setup-dev
	@$(PYTEST) -n 0 tests/domain tests/ledger $(COVERAGE)

test-rest: $(VENV)/.compiled
	@$(PYTEST) -n 3 $(REST)

# The first collection writes the bytecode of what is tested and used. The processes of the
# tests would otherwise each compile all of it, since they start together.
$(VENV)/.compiled: $(VENV)/.installed-dev
	@$(BIN)/pytest --collect-only -qq $(REST) > /dev/null || true
	@touch $@

check: setup-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Extracts messages into the catalog and compiles it. Fails if a translation is missing:
# add it to src/iku/locale/id/LC_MESSAGES/iku.po.
messages: setup-dev
	$(BIN)/python -m tests.catalog

# Writes the shape of the schema that the release expects. Needed after each change of a
# migration or of guard.sql.
shape: setup-dev
	$(BIN)/python -m tests.schema_shape_file

# Takes the pictures of docs/pictures: pages in Chromium, and papers.
pictures: setup-dev
	$(BIN)/python -m tests.browser.pictures
	$(BIN)/python -m tests.exchange.papers.paper_pictures

# Benchmarks run as modules, because they share code; the following are no benchmarks.
NO_BENCH := $(addprefix benchmarks/,__init__.py loading.py measuring.py registers.py report.py served.py stores.py)
bench: setup-dev $(VENV)/.installed-bench
	@set -e; for script in $(filter-out $(NO_BENCH),$(wildcard benchmarks/*.py)); \
	do echo "== $$script"; $(BIN)/python -m benchmarks.$$(basename $$script .py); done
	$(BIN)/python -m benchmarks.report

# The only target that queries a registry for versions.
lock: setup-dev
	$(COMPILE) --group pyproject.toml:install -o requirements-uv.lock
	$(COMPILE) --group build -o requirements.lock pyproject.toml
	$(COMPILE) --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(COMPILE) --group pyproject.toml:bench -c requirements-dev.lock -o requirements-bench.lock

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: requirements-uv.lock | $(VENV)/bin/python
	$(PIP) install --quiet --require-hashes -r requirements-uv.lock
	@touch $@

# The checkout itself has no hash, hence two calls; the second downloads nothing, because
# the build requirements are in the lock.
$(VENV)/.installed: requirements.lock pyproject.toml $(BIN)/uv
	$(call install,requirements.lock)
	$(PIP) install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(VENV)/.installed-dev: requirements-dev.lock $(VENV)/.installed
	$(call install,requirements-dev.lock)
	@touch $@

$(VENV)/.installed-bench: requirements-bench.lock $(VENV)/.installed-dev
	$(call install,requirements-bench.lock)
	@touch $@
