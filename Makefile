# Everything a person types.  `make` alone says what there is.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test chaos open down doctor check docs lock clean

# What `make test` hands to pytest; `make chaos` runs the rest.
TESTS ?= --ignore=tests/chaos
# A process for each core, at most four: each starts parts of its own.  A module's tests stay in one.
SPREAD := -n logical --maxprocesses=4 --dist=loadscope
# The folder that `make demo` reads; without one, it reads what it read last, and the samples the first time.
CHOSEN := $(if $(filter undefined,$(origin DOCUMENTS)),,--documents "$$DOCUMENTS")
export DOCUMENTS

# The first Python that will do; `make PYTHON=/path/to/python3.12 …` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
NO_PYTHON = { echo "Plumbline needs Python 3.11, 3.12 or 3.13 (found: $$(python3 --version 2>&1 || echo none)):" \
	"install one of those, or name it with make PYTHON=/path/to/python." >&2; exit 1; }
BOOTSTRAP = @$(if $(PYTHON),PYTHONPATH=include exec $(PYTHON) -m plumbline.embedded.bootstrap,$(NO_PYTHON);:)
# The stamp is written last: without it, .venv is half made.  It names the folder that .venv was made in: when that was
# moved, or copied, what is in .venv would still work for the old place.
NEEDS_VENV = [ -x .venv/bin/python ] && [ -e .venv/plumbline.json ] || \
	{ echo "There is no .venv yet: run make demo first." >&2; exit 1; }; \
	.venv/bin/python -ISc 'import json, os, sys; \
	sys.exit(json.load(open(".venv/plumbline.json", encoding="utf-8"))["project"] != os.getcwd())' 2>/dev/null || \
	{ echo "This .venv was made for another folder: run make demo first, which makes it anew." >&2; exit 1; }
EMBEDDED = @$(NEEDS_VENV); exec .venv/bin/python -m plumbline.embedded
# Also when .venv is gone, or half made.
WITHOUT_VENV = @$(if $(PYTHON),,[ -x .venv/bin/python ] || $(NO_PYTHON);) \
	PYTHONPATH=include exec $(or $(PYTHON),.venv/bin/python) -m plumbline.embedded

help:  ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */|/' | \
		while IFS='|' read -r name what; do printf '  make %-8s %s\n' "$$name" "$$what"; done

demo:  ## documents to a knowledge base in Airflow (DOCUMENTS=your/folder)
	$(BOOTSTRAP) demo $(CHOSEN)
	$(EMBEDDED) demo $(CHOSEN)

test:  ## run the tests on real parts (TESTS="-k search" for some)
	$(BOOTSTRAP) test
	@exec .venv/bin/python -m pytest $(SPREAD) $(TESTS)

chaos:  ## run the slow tests, which kill what is at work
	$(BOOTSTRAP) test
	@exec .venv/bin/python -m pytest tests/chaos

open:  ## print the address and sign-in of the running Airflow
	$(EMBEDDED) open

down:  ## stop everything that `make demo` started
	$(WITHOUT_VENV) down

doctor:  ## check every part and say what to do
	@$(NEEDS_VENV); exec .venv/bin/plumbline doctor

check:  ## lint, formatting and types
	$(BOOTSTRAP) test
	@.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy

docs:  ## draw docs/dags.md, docs/tables.md and the golden pictures anew
	$(BOOTSTRAP) test
	@.venv/bin/python -m plumbline_airflow.documenting

lock:  ## write requirements*.txt anew (UPGRADE=1: newest versions)
	$(BOOTSTRAP) lock $(if $(UPGRADE),--upgrade)

clean:  ## stop everything and remove .plumbline and .venv
	$(WITHOUT_VENV) clean
