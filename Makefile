# make repro            stand-ins: every stage, every figure, into reports/synthetic
# make repro-original   the same on real recordings: make repro-original CORPORA=/path/to/corpora
# make test             lint and tests; with EMOMETRIC_CORPORA set, also those on real recordings
# make constraints      pin the newest versions that fit (then run the tests)
# Each sets up .venv the first time and after a change of pyproject.toml or constraints.txt.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1

.PHONY: repro repro-original test lint constraints

# DVC needs seconds to find out that there is nothing to do. So it is not asked where no file of the
# pipeline has changed, come or gone since it was last through: -cnewer sees all three (the folder's
# own time changes with what is in it), whatever times a file was given.
INPUTS := params.yaml dvc.yaml stages src splits
BEGUN := $(VENV)/.repro-begun
DONE := $(VENV)/.repro-done

repro: $(VENV)/.checked-synthetic
	@if test -e $(DONE) && \
	    changed=$$(find $(READY) $(INPUTS) dvc.lock data/synthetic reports/synthetic \
	        -name __pycache__ -prune -o -cnewer $(DONE) -print -quit) && \
	    test -z "$$changed"; \
	then echo "Data and pipelines are up to date."; \
	else \
	    touch $(BEGUN) && dvc repro && \
	    if test -z "$$(find $(INPUTS) -type f ! -name '*.pyc' -cnewer $(BEGUN) -print -quit)"; \
	    then touch $(DONE); \
	    fi; \
	fi

repro-original: $(VENV)/.checked-original
	@test -n "$(CORPORA)$(EMOMETRIC_CORPORA)" || \
	    { echo "error: no corpora named; run make repro-original CORPORA=/path/to/corpora" >&2; exit 1; }
	emometric corpora link $(if $(CORPORA),"$(CORPORA)")
	dvc repro original/dvc.yaml

# All settings at once, before the first stage starts; again where they or the code have changed.
$(VENV)/.checked-%: params.yaml $(shell find src -name '*.py') | $(READY)
	@emometric params --origin $*
	@touch $@

# Files side by side, one a processor; a library's threads on top would only get in each other's way.
test: lint
	OMP_NUM_THREADS=1 pytest -n auto --dist loadfile

lint: $(READY)
	ruff check .
	ruff format --check .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "error: emometric needs Python 3.11 or newer; run make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) (once; some minutes)"
	@$(PYTHON) -m venv $(VENV)
	@pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[pipeline,synthetic,test]'
	@python -m emometric.report.offline_plots
	@touch $@

# The exact versions of a fresh resolution, without local build tags such as +cpu.
constraints:
	rm -rf .venv-new && $(PYTHON) -m venv .venv-new
	.venv-new/bin/pip install --quiet torch==2.13.0 '.[pipeline,synthetic,test]'
	.venv-new/bin/pip freeze --exclude emometric | sed -E 's/\+[a-z0-9.]+$$//' | grep -vE '^(nvidia|cuda|triton)' > constraints.txt
	rm -rf .venv-new
