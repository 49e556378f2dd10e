# make reproduce: from nothing to results/report.html, on this machine's CPU.
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
ENV := .venv/ready

.PHONY: reproduce paper-laptop figures report plan test bench lint format clean

reproduce: $(ENV) ## everything: results/report.html and the main numbers
	@$(BIN)/snakemake --cores all --quiet host rules reason
	@$(BIN)/python -m rmft.stages.summary --tables results/tables

paper-laptop: $(ENV) ## every task, suite, method and context with the small model, and first how long that will take
	@$(BIN)/snakemake --configfile config.paper-laptop.yaml --dry-run | $(BIN)/python -m rmft.stages.eta --benchmarks results/benchmarks
	@$(BIN)/snakemake --configfile config.paper-laptop.yaml --cores all --keep-going --quiet host rules reason
	@$(BIN)/python -m rmft.stages.summary --tables results/tables

figures: $(ENV) ## the figures, from tables that exist
	@$(BIN)/snakemake --cores all --quiet host rules reason --allowed-rules draw figures -- figures

report: $(ENV) ## the figures and the report, from tables that exist
	@$(BIN)/snakemake --cores all --quiet host rules reason --allowed-rules draw report -- results/report.html

plan: $(ENV) ## what reproduce would run
	@$(BIN)/snakemake --dry-run --quiet host rules reason

test: $(ENV) ## every test
	@$(BIN)/pytest --numprocesses auto --dist loadfile

bench: $(ENV) ## ratios against peers; BENCHMARKS.md holds the last table
	@$(BIN)/python benchmarks/run.py

lint: $(ENV) ## what is not as the house wants it
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/snakefmt --check Snakefile workflow/rules

format: $(ENV) ## mend what a formatter can
	@$(BIN)/ruff format && $(BIN)/snakefmt Snakefile workflow/rules

clean: ## the environment and caches; never results
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build workflow/rmft.egg-info

$(ENV): envs/laptop.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "rmft needs Python 3.11 or newer as python3; found: $$(python3 --version 2>&1)" >&2; exit 1; }
	@echo "Installing the pinned environment into .venv (a minute or two)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --requirement envs/laptop.txt
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@
