# Everything a person types.  `make` alone says what there is.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo test open down doctor check docs lock clean

# Which folder `make demo` reads, and what `make test` hands to pytest.
DOCUMENTS ?= samples/documents
TESTS ?=
export DOCUMENTS

# The first Python that will do; `make PYTHON=/path/to/python3.12 …` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$python && break; done)
NO_PYTHON = { echo "Plumbline needs Python 3.11, 3.12 or 3.13 (found: $$(python3 --version 2>&1 || echo none)):" \
	"install one of those, or name it with make PYTHON=/path/to/python." >&2; exit 1; }
BOOTSTRAP = @$(if $(PYTHON),PYTHONPATH=include exec $(PYTHON) -m plumbline.embedded.bootstrap,$(NO_PYTHON);:)
NEEDS_VENV = [ -x .venv/bin/python ] || { echo "There is no .venv yet: run make demo first." >&2; exit 1; }
EMBEDDED = @$(NEEDS_VENV); exec .venv/bin/python -m plumbline.embedded

help:  ## say what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## */|/' | \
		while IFS='|' read -r name what; do printf '  make %-8s %s\n' "$$name" "$$what"; done

demo:  ## documents to a searchable knowledge base, in a running Airflow (DOCUMENTS=folder for your own)
	$(BOOTSTRAP) demo
	$(EMBEDDED) demo --documents "$$DOCUMENTS"

test:  ## run the tests on real parts of their own (TESTS="-k search" for some of them)
	$(BOOTSTRAP) test
	@exec .venv/bin/python -m pytest $(TESTS)

open:  ## print the address and sign-in of the running Airflow
	$(EMBEDDED) open

down:  ## stop everything that `make demo` started
	@if [ -x .venv/bin/python ]; then .venv/bin/python -m plumbline.embedded down; \
	else echo "Nothing runs from here: there is no .venv."; fi

doctor:  ## check every part and say what to do
	@$(NEEDS_VENV); exec .venv/bin/plumbline doctor

check:  ## lint, formatting and types
	$(BOOTSTRAP) test
	@.venv/bin/ruff check && .venv/bin/ruff format --check && .venv/bin/mypy

docs:  ## draw docs/dags.md, docs/tables.md and the golden pictures anew
	$(BOOTSTRAP) test
	@.venv/bin/python -m plumbline_airflow.documenting

lock:  ## write requirements*.txt anew from requirements*.in (UPGRADE=1 for the newest versions)
	$(BOOTSTRAP) lock $(if $(UPGRADE),--upgrade)

clean: down  ## stop everything and remove .plumbline and .venv
	@home="$${PLUMBLINE_HOME:-.plumbline}"; \
	if [ ! -e "$$home" ] || [ -e "$$home/secrets" ] || [ -e "$$home/ports.json" ]; then rm -rf "$$home" .venv; \
	else echo "$$home does not look like a state folder of ours; it is left alone." >&2; rm -rf .venv; exit 1; fi
