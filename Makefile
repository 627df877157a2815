# Needs make and Python 3.11 or newer, nothing else; Node to build the inbox with is fetched where there is none. `make` alone lists the targets.

# The first of these that is Python >= 3.11 and can create virtual environments is used:
#   make test PYTHON=/path/to/python3
PYTHON = python3.13 python3.12 python3.11 python3 python
# make test PYTEST_ARGS="-x tests/unit"
PYTEST_ARGS = -n auto --dist worksteal
# make torture KILLS=5000
KILLS = 1000
# make bench NAME=server
NAME = ledger
# make lock LOCK_ARGS=--upgrade
LOCK_ARGS =

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUNNABLE := $(VENV)/.runnable
INSTALLED := $(VENV)/.installed
BENCH_INSTALLED := $(VENV)/.installed-bench
INBOX := src/signoff/server/static/.built
WEB := $(BIN)/python hatch_build.py
COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-config --python $(BIN)/python -q $(LOCK_ARGS)

define DESCRIBE
import json
from signoff import Signoff
from signoff.server.api import make_api
from signoff.testing import MemoryStore
print(json.dumps(make_api(Signoff(MemoryStore(), workers=0)).openapi()))
endef
export DESCRIBE

# What the caller's shell sets for another environment must not reach this one. Settings that say
# how to get to a package index (PIP_INDEX_URL, PIP_CERT, PIP_PROXY ...) are left alone.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONWARNINGS PYTHONPLATLIBDIR
unexport __PYVENV_LAUNCHER__ CONDA_PREFIX
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_PYTHON PIP_REQUIRE_VIRTUALENV PIP_REQUIRE_HASHES
unexport PIP_CONSTRAINT PIP_REQUIREMENT PIP_EDITABLE PIP_NO_DEPS PIP_NO_BINARY PIP_NO_BUILD_ISOLATION
unexport PIP_DRY_RUN PIP_QUIET PIP_VERBOSE PIP_REPORT PIP_IGNORE_INSTALLED PIP_PRE PIP_SRC
export PIP_USER := 0
unexport PYTEST_ADDOPTS PYTEST_PLUGINS MYPYPATH

# An environment whose interpreter is gone, or that was made for another folder, is made again.
ifneq ($(shell test -x $(BIN)/python && cat $(VENV)/.place 2>/dev/null),$(CURDIR))
$(VENV)/.place: remake
endif

.DEFAULT_GOAL := help
.PHONY: help run demo test torture check api bench lock clean node browser remake

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(RUNNABLE) $(INBOX) ## serve the sample support desk on 127.0.0.1:8642
	@$(BIN)/signoff serve --sample

demo: $(RUNNABLE) ## watch a scripted reviewer work through the same desk (at most a minute)
	@$(BIN)/signoff demo

test: $(INSTALLED) $(INBOX) browser ## run the whole test suite: library, server, inbox and browser, doctests included
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

torture: $(INSTALLED) ## kill processes at every crash point, KILLS times in all, and servers under load
	@SIGNOFF_TORTURE=$(KILLS) $(BIN)/python -m pytest $(PYTEST_ARGS) --timeout=3600 tests/crash

check: $(INSTALLED) node web/openapi.json ## lint, formatting, types and import floors, of Python and TypeScript
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(WEB) npm run --silent lint
	$(WEB) npm run --silent types
	@$(WEB) npm run --silent api -- --check || \
		{ echo "web/src/api/schema.gen.ts is not what the server says of its API: run make api" >&2; exit 1; }

api: $(INSTALLED) node web/openapi.json ## write the inbox's types of the API anew, from the server's description of it
	@$(WEB) npm run --silent api

bench: $(BENCH_INSTALLED) $(INBOX) ## measure against a peer; NAME picks the benchmark (ledger, server, inbox, automation)
	@$(BIN)/python -m benchmarks.$(NAME)

lock: $(VENV)/.place ## write requirements/*.lock anew; LOCK_ARGS=--upgrade for newer versions
	@$(PIP) install 'uv>=0.8,<1'
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) pyproject.toml --all-extras --group dev -o requirements/dev.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) pyproject.toml --group build \
		-c requirements/dev.lock -o requirements/run.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) pyproject.toml --all-extras --group dev --group bench \
		-c requirements/dev.lock -o requirements/bench.lock
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(COMPILE) --group node -o requirements/node.lock

clean: ## remove the environment, caches and built files
	rm -rf $(VENV) build dist web/node_modules web/openapi.json src/signoff/server/static .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

remake:

# A Node on PATH will do if it is new enough; else one comes from PyPI into the environment.
node: $(RUNNABLE)
	@$(WEB) node || { echo "Installing what requirements/node.lock lists (once)"; \
		$(PIP) install --require-hashes -r requirements/node.lock; }

# The tests in tests/browser drive a Chromium; where none is found and none can be had, they say so.
browser: $(INSTALLED)
	@$(BIN)/python -m tests.browser.chromium

# The folders are among them, so that a file that is gone counts as a change.
$(INBOX): hatch_build.py $(filter-out web/openapi.json,$(wildcard web/*.*)) $(shell find web/public web/src) \
		| $(RUNNABLE) node
	@$(WEB) build

web/openapi.json: $(INSTALLED) remake
	@$(BIN)/python -c "$$DESCRIBE" > $@

$(VENV)/.place:
	@set -e; \
	usable='import ensurepip, sqlite3, ssl, sys, venv; sys.exit(sys.version_info < (3, 11))'; \
	version='import sys; sys.exit(sys.version_info < (3, 11) or print("%d.%d" % sys.version_info[:2]))'; \
	chosen=; bare=; \
	for candidate in $(PYTHON); do \
		if "$$candidate" -c "$$usable" >/dev/null 2>&1; then chosen=$$candidate; break; fi; \
		if [ -z "$$bare" ] && "$$candidate" -c "$$version" >/dev/null 2>&1; then bare=$$candidate; fi; \
	done; \
	if [ -z "$$chosen" ] && [ -n "$$bare" ]; then \
		package=python$$("$$bare" -c "$$version")-venv; \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
			echo "$$bare cannot create virtual environments: installing $$package with apt-get" >&2; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package; } >&2 || true; \
			if "$$bare" -c "$$usable" >/dev/null 2>&1; then chosen=$$bare; fi; \
		fi; \
		if [ -z "$$chosen" ]; then \
			echo "$$bare lacks a module that is needed:" >&2; \
			"$$bare" -c "$$usable" 2>&1 | tail -n 1 >&2; \
			echo "Debian, Ubuntu:  sudo apt-get install $$package" >&2; \
			echo "then run make again, or name another interpreter: make PYTHON=/path/to/python3" >&2; \
			exit 1; \
		fi; \
	fi; \
	if [ -z "$$chosen" ]; then \
		echo "Python 3.11 or newer is needed; none found among: $(PYTHON)" >&2; \
		echo "Debian, Ubuntu:  sudo apt-get install python3 python3-venv" >&2; \
		echo "macOS:           brew install python@3.13   (or the installer from python.org)" >&2; \
		echo "or name one:     make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$chosen" --version) ($$chosen)"; \
	rm -rf $(VENV); \
	"$$chosen" -m venv $(VENV); \
	pwd -P > $@

$(VENV)/.locked: requirements/dev.lock $(VENV)/.place
	@echo "Installing what requirements/dev.lock lists (once; a minute or two)"
	@$(PIP) install --require-hashes -r requirements/dev.lock
	@touch $@

# What runs needs half of that; dev.lock holds the same versions.
$(RUNNABLE): pyproject.toml requirements/run.lock $(VENV)/.place
	@test -e $(VENV)/.locked || { echo "Installing what requirements/run.lock lists (once; half a minute)"; \
		$(PIP) install --require-hashes -r requirements/run.lock; }
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(INSTALLED): pyproject.toml $(VENV)/.locked
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $(RUNNABLE) $@

$(BENCH_INSTALLED): requirements/bench.lock $(VENV)/.locked | $(INSTALLED)
	@echo "Installing what requirements/bench.lock lists (once)"
	@$(PIP) install --require-hashes -r requirements/bench.lock
	@touch $@
