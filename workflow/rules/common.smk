# What the rules share: the interpreter, the config entry that a cell may see, the files of the selected cells.
# A rule's params hold its own entries alone, so that a new task or method adds cells and reruns none.
import hashlib
import json
import shlex
import sys
from functools import cache
from pathlib import Path

import yaml

from rmft.figures import FIGURES
from rmft.stages.fingerprint import fingerprint

PYTHON = shlex.quote(config.get("python", sys.executable))
RUN = config["run"]
CELLS = {"model": RUN["models"], "task": RUN["tasks"], "seed": RUN["seeds"]}
TABLES = "evaluation curves summary selection selected_regret calibration reading learning_curves cells".split()


def as_json(value):
    """One spelling for one value, whatever the order of keys in the config."""
    return json.dumps(value, sort_keys=True)


def without(entry, *keys):
    """A config entry less the keys that a rule has no use for."""
    return {key: value for key, value in entry.items() if key not in keys}


def base_model(wildcards):
    """The model's entry, less what fine-tunes it."""
    return as_json(without(config["models"][wildcards.model], "sft"))


def fine_tuning(wildcards):
    """The part of the model's entry that fine-tunes it."""
    return as_json({"sft": config["models"][wildcards.model]["sft"]})


def pretraining_workers(wildcards):
    """Processes of pretraining, one thread each."""
    return config["models"][wildcards.model]["pretraining"]["workers"]


def task_entry(wildcards):
    """The task's entry with its name."""
    return as_json({"name": wildcards.task, **config["tasks"][wildcards.task]})


def method_entry(wildcards):
    """The method's entry with its name."""
    return as_json({"name": wildcards.method, **config["methods"][wildcards.method]})


def baseline_entry(wildcards):
    """The baseline's entry with its name."""
    return as_json({"name": wildcards.baseline, **config["baselines"][wildcards.baseline]})


def training_rollout(wildcards):
    """How training scenarios are played."""
    return as_json(config["rollout"])


def heldout_rollout(wildcards):
    """How held-out scenarios are played: the same, but for how many and how often."""
    return as_json(without(config["rollout"], "scenarios", "trajectories_per_scenario"))


def context(wildcards):
    """The file of the task's wording: no input of the rules, as a bare touch would rerun them."""
    return f"workflow/scenarios/{config['tasks'][wildcards.task]['context']}.yaml"


def digest(text):
    """sha256, 16 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def wording(path):
    """Digest of what a YAML file says, whatever its comments and layout."""
    return digest(as_json(yaml.safe_load(Path(path).read_text(encoding="utf-8"))))


def context_wording(wildcards):
    """Digest of the task's wording."""
    return wording(context(wildcards))


def captions_wording(wildcards):
    """Digest of captions and page template of the report."""
    files = sorted(path for path in Path("workflow/report").iterdir() if path.is_file())
    return digest("\0".join(path.read_text(encoding="utf-8") for path in files))


def figure_code(wildcards):
    """Fingerprint of what draws the figure; the stage imports it by name."""
    return fingerprint("draw", f"rmft.figures.{wildcards.figure}")


def baseline_episodes(wildcards):
    """Many for calibration; elsewhere as many as the models play."""
    many = wildcards.task in RUN["calibration_tasks"]
    return config["evaluation"]["calibration_episodes" if many else "episodes"]


def selection(wildcards):
    """What the tables gather."""
    tasks = RUN["tasks"] + RUN["calibration_tasks"]
    named = {
        key: {name: config["baselines"][name] for name in RUN[key]} for key in ("baselines", "calibration_baselines")
    }
    return as_json({**RUN, **named, "task_entries": {name: config["tasks"][name] for name in tasks}})


def whole_config(wildcards):
    """Everything, for the report to print."""
    return as_json(config)


def rollouts(wildcards):
    """What policy_t rolled out, and its scores; policy_0 is the base policy, shared by all methods."""
    own = "results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}"
    base = "results/cells/{model}/{task}/base/seed{seed}/iter0"
    folder = (base if wildcards.iteration == "0" else own).format(**wildcards)
    return {"trajectories": f"{folder}/trajectories.parquet", "regret": f"{folder}/regret.parquet"}


def parent(wildcards):
    """Policy_{t-1}, its rollouts, and what the method selected from them."""
    before = int(wildcards.iteration) - 1
    own = f"results/cells/{wildcards.model}/{wildcards.task}/{wildcards.method}/seed{wildcards.seed}/iter{before}"
    base = f"results/cells/{wildcards.model}/{wildcards.task}/base/seed{wildcards.seed}/iter0"
    played = own if before else base
    return {
        "policy": f"{played}/policy.json",
        "trajectories": f"{played}/trajectories.parquet",
        "selected": f"{own}/selected.jsonl",
    }


def of_base(*names):
    """Files of the base policies' cells."""
    return expand("results/cells/{model}/{task}/base/seed{seed}/iter0/{name}", name=names, **CELLS)


def of_methods(iterations, *names):
    """Files of the methods' cells in some iterations."""
    pattern = "results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}/{name}"
    return expand(pattern, method=RUN["methods"], iteration=iterations, name=names, **CELLS)


N = RUN["iterations"]
EVALUATIONS = of_base("evaluation.parquet") + of_methods(range(1, N + 1), "evaluation.parquet")
REGRETS = of_base("regret.parquet") + of_methods(range(1, N), "regret.parquet")
SELECTIONS = of_methods(range(N), "selection.json", "selected.jsonl")
PRETRAININGS = expand("results/models/{model}/{name}", model=RUN["models"], name=["pretrain.json", "reading.csv"])
TRAININGS = of_methods(range(1, N + 1), "sft.json")
BASELINES = expand("results/baselines/{task}/{name}.parquet", task=RUN["tasks"], name=RUN["baselines"]) + expand(
    "results/baselines/{task}/{name}.parquet", task=RUN["calibration_tasks"], name=RUN["calibration_baselines"]
)
# Asked for by `all`, so that a deleted one is made again, with what follows from it.
EVERYTHING = (
    PRETRAININGS
    + EVALUATIONS
    + REGRETS
    + SELECTIONS
    + TRAININGS
    + BASELINES
    + expand("results/models/{model}/model.safetensors", model=RUN["models"])
    + of_base("policy.json", "trajectories.parquet", "heldout.parquet")
    + of_methods(range(1, N + 1), "policy.json", "heldout.parquet")
    + of_methods(range(1, N), "trajectories.parquet")
)
