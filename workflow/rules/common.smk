# What the rules share: the interpreter, the config entry that a cell may see, the files of the selected cells.
# A rule's params hold its own entries alone, so that a new task or method adds cells and reruns none.
import hashlib
import json
import shlex
import sys
from functools import cache, partial
from pathlib import Path

from rmft.figures import FIGURES
from rmft.models.engines import engine_module
from rmft.models.speech import KEYS as SPEECH
from rmft.stages import grid, table_columns
from rmft.stages.check_figures import unfinished
from rmft.stages.fingerprint import fingerprint
from rmft.stages.grid import own, policy_cell
from rmft.stages.unselected import unselected
from rmft.stages.yaml_files import read_yaml

refuse(unfinished(FIGURES))
if workflow.is_main_process:
    for line in unselected(config, workflow.overwrite_configfiles):
        print(f"config: {line}", file=sys.stderr)  # as plan reads what Snakemake's logger says in a dry run
PYTHON = shlex.quote(config.get("python", sys.executable))
RUN = config["run"]
NUMBERS = RUN["numbers"]
TASKS = RUN["tasks"] + NUMBERS["tasks"] * bool(NUMBERS["models"])
CONTEXTS = "workflow/scenarios"
PHRASES = "workflow/reasoning.yaml"
RUNS = list(grid.runs(config))
numeric = partial(grid.numeric, config)
# Once for a stage, not for each of its jobs; not in the module, which is part of what a rollout does.
fingerprint = cache(fingerprint)
rollout_cell = partial(grid.rollout_cell, config)
under_suites = partial(grid.under_suites, config)
of_cells = partial(grid.of_cells, RUNS)
THEORY = config["theory"]
THEORY_TABLES = list(table_columns.THEORY)
TABLES = (
    "evaluation curves suff_fail summary comparisons selection selected_regret calibration reading learning_curves cells".split()
    + "signatures growth tracking reasoning probes".split()
    + THEORY_TABLES
)
CLAIM_TABLES = "evaluation growth selection reasoning theorem theorem_regret".split()
SHARDS = config["rollout"]["shards"]


def as_json(value):
    """One spelling for one value, whatever the order of keys in the config."""
    return json.dumps(value, sort_keys=True)


def without(entry, *keys):
    """A config entry less the keys that a rule has no use for."""
    return {key: value for key, value in entry.items() if key not in keys}


def task_entry(wildcards):
    """The task's entry with its name."""
    return as_json({"name": wildcards.task, **config["tasks"][wildcards.task]})


def method_entry(wildcards):
    """The method's entry with its name."""
    return as_json({"name": wildcards.method, **config["methods"][wildcards.method]})


def baseline_entry(wildcards):
    """The baseline's entry with its name."""
    return as_json({"name": wildcards.baseline, **config["baselines"][wildcards.baseline]})


def digest(text):
    """sha256, 16 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def wording(path):
    """Digest of what a YAML file says, whatever its comments and layout."""
    return digest(as_json(read_yaml(Path(path))))


def worded(entries):
    """Digest of the contexts of task entries. Their files are no input of the rules, as a bare touch would rerun them."""
    return digest(
        "".join(wording(f"{CONTEXTS}/{name}.yaml") for name in sorted({entry["context"] for entry in entries}))
    )


def task_wording(wildcards):
    """Digest of the task's wording."""
    return worded([config["tasks"][wildcards.task]])


def suites(wildcards):
    """What each suite of the task changes."""
    return as_json({name: config["suites"][name] for name in RUN["suites"].get(wildcards.task, [])})


def suite_wording(wildcards):
    """Digest of the words of the task under all its suites."""
    return worded(under_suites(wildcards.task).values())


def phrases_wording(wildcards):
    """Digest of the patterns that reasonings are read with."""
    return wording(PHRASES)


onerror:
    from rmft.stages.failed import failures

    print(*failures([log] if isinstance(log, str) else log), sep="\n", file=sys.stderr)


include: "models.smk"
include: "selected.smk"
include: "cells.smk"
