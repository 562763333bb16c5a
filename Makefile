# Two commands for a newcomer: `make book` and `make test`. Both set up the environment by themselves.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
CORES  ?= 2
export HF_HUB_OFFLINE ?= 1

.PHONY: book pdf archive test real bench lint clean env here help
.DEFAULT_GOAL := help

help:            ## this table
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 10

env: $(VENV)/.ready

# an environment knows its project by its path: copied along, it would run the other copy's code
here: env
	@cd / && "$(CURDIR)/$(BIN)/python" -c 'import sys, pathlib, analysis; sys.exit(pathlib.Path(analysis.__file__).resolve().parents[2] != pathlib.Path(sys.argv[1]).resolve())' "$(CURDIR)" || { echo "$(VENV) belongs to another place (this folder was copied or moved): rm -rf $(VENV), then the same command"; exit 2; }

$(VENV)/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed: install it, or name yours: make PYTHON=python3.12 ..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "no venv module: apt install python3-venv"; exit 2; }
	@echo "Installing the locked environment (once; about 3 minutes, 6.5 GB) ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

book: here        ## environment, every run of data/runs.yaml that is not fresh, the HTML book; prints its address
	@$(BIN)/python -m analysis book --cores $(CORES)

pdf: book         ## the whole book as build/html/book.pdf; needs Chromium or Chrome
	@$(BIN)/python -m analysis pdf

archive: book     ## source, book and published numbers with checksums, build/archive.tar.gz, for a deposit
	@$(BIN)/python -m analysis.archive

real: here        ## the `real` preset on the photographs and weights under DATA_ROOT, then the book
	@$(BIN)/python -m analysis book --real --cores $(CORES)

test: here        ## the whole test suite
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(CORES) --dist loadfile

bench: here build/peers  ## speed beside named peers and limits, into data/speed.json; ten minutes on two quiet cores
	@PYTHONPATH=tests:build/peers $(BIN)/python -m bench

build/peers: tests/bench/peers.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $@ -r $<
	@touch $@

lint: here        ## ruff and mypy
	@$(BIN)/ruff check src tests && $(BIN)/ruff format --check src tests && $(BIN)/mypy src/analysis

clean:           ## everything produced, not the environment
	@rm -rf build .snakemake
