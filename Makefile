# `make run` starts AutoAI, `make check` is what CI runs. Everything is installed into .venv, which
# is brought up to date when the lists of requirements change.

# The first Python that is new enough; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo "$$python" && break; done)
CHROMIUM ?= /usr/bin/chromium
# A server of all three families of API for the tests, from npm: one package without dependencies.
AIMOCK_VERSION := 1.43.0
AIMOCK := .venv/aimock/.installed-$(AIMOCK_VERSION)
# More for pytest, such as make test ARGS='tests/unit -k cron'
ARGS ?=

# Always `python -m`: the scripts in .venv/bin hold an absolute path and break when the folder moves.
RUN := .venv/bin/python -m
# PIP_USE_PEP517: Debian's pip would build a source package in an old way and warn about it.
PIP_INSTALL := PIP_USE_PEP517=1 $(RUN) pip install --disable-pip-version-check --quiet
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard autoai/translations/*/LC_MESSAGES/*.po))
# What the browser tests need: the browser, a font that has Chinese, and what Playwright's node
# is linked with and a bare Debian lacks. The fault tests set a process's clock with faketime.
BROWSER_PACKAGES := chromium fonts-noto-cjk libatomic1
FAULT_PACKAGES := faketime
# As root; waits for another apt-get that is at work.
APT_INSTALL := DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test check tools static format format-check lint types bench bench-pages faults oracle image clean browser faketime catalogues

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/.installed catalogues ## Set up what is missing and serve on port 8000 (PORT changes it)
	@$(RUN) autoai.cli.init
	@exec $(RUN) gunicorn wsgi:app

test: .venv/.installed-dev catalogues tools ## Run all tests
	@if [ -e .venv/.no-browser ]; then AUTOAI_SKIP_BROWSER=1; export AUTOAI_SKIP_BROWSER; fi; \
	CHROMIUM='$(CHROMIUM)' exec $(RUN) pytest -n 2 --dist loadgroup $(ARGS)

check: static test ## Format, lint, types, tests: what CI runs

static: format-check lint types

format: .venv/.installed-dev ## Format the Python code
	@$(RUN) ruff check --quiet --select I --fix .
	@$(RUN) ruff format .

format-check: .venv/.installed-dev
	@$(RUN) ruff format --check .

lint: .venv/.installed-dev ## Look for faults in code and templates
	@$(RUN) ruff check .
	@$(RUN) djlint --lint --quiet templates

types: .venv/.installed-dev ## Check the types
	@$(RUN) mypy autoai

# The long form. Run whole, it replaces the table in docs/faults.md.
faults: .venv/.installed-dev catalogues faketime $(AIMOCK) ## Kill and starve a real server for half an hour
	@AUTOAI_LONG=1 $(if $(ARGS),,AUTOAI_FAULTS_REPORT=docs/faults.md) $(RUN) pytest tests/faults $(ARGS)

oracle: .venv/.installed-dev ## Compare 10,000 random schedules with the clocks, minute by minute
	@AUTOAI_LONG=1 $(RUN) pytest tests/unit/test_oracle.py -n 2 $(ARGS)

bench: .venv/.installed-dev catalogues ## Measure a burst of 500 tasks, 10,000 that wait, one look, and one call: eight minutes
	@.venv/bin/python tests/bench/burst.py $(ARGS)
	@.venv/bin/python tests/bench/schedule.py
	@.venv/bin/python tests/bench/calls.py

bench-pages: .venv/.installed-dev catalogues ## Measure every page in a ledger of ten million runs: 13 GB in /tmp, an hour
	@.venv/bin/python tests/bench/pages.py $(ARGS)

image: ## Build the container image
	@docker build --tag autoai .

tools: browser faketime $(AIMOCK) ## Install what the tests need from apt and npm

clean: ## Remove what was installed and compiled; data, logs and .env stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find autoai tests -name __pycache__ -prune -exec rm -rf {} +
	find autoai -name '*.mo' -delete

catalogues: .venv/.installed $(CATALOGUES)

%.mo: %.po
	@$(RUN) babel.messages.frontend --quiet compile -i $< -o $@

# Says how to mend a machine without a browser, and leaves a mark for `test`. Not in CI: there a
# skipped group would look like a passed one.
browser: .venv/.created
	@rm -f .venv/.no-browser; \
	[ -z "$$AUTOAI_SKIP_BROWSER" ] || exit 0; \
	has() { ! command -v dpkg-query >/dev/null || \
	    dpkg-query -W -f '$${Status}' "$$1" 2>/dev/null | grep -q 'ok installed'; }; \
	if [ -x '$(CHROMIUM)' ] && has fonts-noto-cjk && has libatomic1; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing the browser for the tests ...'; \
	    apt-get update -qq; $(APT_INSTALL) $(BROWSER_PACKAGES) >/dev/null; \
	elif [ -n "$$CI" ]; then \
	    echo 'No browser for the tests. Install it:  sudo apt-get install -y --no-install-recommends $(BROWSER_PACKAGES)' >&2; exit 1; \
	else \
	    touch .venv/.no-browser; \
	    echo '**********************************************************************' >&2; \
	    echo '  BROWSER TESTS ARE SKIPPED: Chromium, a Chinese font or libatomic is missing.' >&2; \
	    echo '  Install them:' >&2; \
	    echo '  sudo apt-get install -y --no-install-recommends $(BROWSER_PACKAGES)' >&2; \
	    echo '**********************************************************************' >&2; \
	fi

# Without npm its tests are skipped, and say so.
$(AIMOCK): | .venv/.created
	@if command -v npm >/dev/null && npm install --prefix .venv/aimock --ignore-scripts --no-audit \
	    --no-fund --loglevel=error @copilotkit/aimock@$(AIMOCK_VERSION) >/dev/null; then touch $@; \
	else echo 'aimock could not be installed (it needs npm): its tests are skipped.' >&2; fi

# libfaketime. Elsewhere than in CI the tests that need it say how to install it, and are skipped.
faketime:
	@if ! command -v dpkg-query >/dev/null || \
	    dpkg-query -W -f '$${Status}' faketime 2>/dev/null | grep -q 'ok installed'; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo 'Installing faketime for the tests ...'; \
	    apt-get update -qq; $(APT_INSTALL) $(FAULT_PACKAGES) >/dev/null; \
	elif [ -n "$$CI" ]; then \
	    echo 'No faketime for the tests. Install it:  sudo apt-get install -y --no-install-recommends $(FAULT_PACKAGES)' >&2; exit 1; \
	else \
	    echo '  CLOCK TESTS ARE SKIPPED: faketime is missing. Install it:' >&2; \
	    echo '  sudo apt-get install -y --no-install-recommends $(FAULT_PACKAGES)' >&2; \
	fi

.venv/.installed: requirements.txt .venv/.created
	@echo 'Installing into .venv ...'
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@echo 'Installing what development needs into .venv ...'
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

# Debian packs the module venv by itself, and a venv made without it is half a folder: it is made
# anew. A .venv that works is kept, however it was made.
.venv/.created:
	@if [ -z '$(PYTHON)' ]; then \
	    echo 'AutoAI needs Python 3.11 or newer, and none is on the PATH.' \
	        'On Debian:  sudo apt-get install -y python3 python3-venv' >&2; exit 1; \
	fi; \
	if ! '$(PYTHON)' -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then \
	    echo 'AutoAI needs Python 3.11 or newer; $(PYTHON) is not. PYTHON=... chooses another.' >&2; \
	    exit 1; \
	fi; \
	if $(RUN) pip --version >/dev/null 2>&1; then touch $@; exit 0; fi; \
	if ! '$(PYTHON)' -c 'import ensurepip, venv' 2>/dev/null; then \
	    package=$$('$(PYTHON)' -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	    if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	        echo "Installing $$package ..."; \
	        apt-get update -qq; $(APT_INSTALL) "$$package" >/dev/null || exit 1; \
	    else \
	        echo "The module venv is missing. Install it:  sudo apt-get install -y $$package" >&2; \
	        exit 1; \
	    fi; \
	fi; \
	'$(PYTHON)' -m venv --clear .venv && touch $@
