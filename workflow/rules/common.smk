# What the rules share: the interpreter, the config entry that a cell may see, the files of the selected cells.
# A rule's params hold its own entries alone, so that a new task or method adds cells and reruns none.
import hashlib
import json
import shlex
import sys
from functools import cache, partial
from pathlib import Path

from rmft.figures import FIGURES
from rmft.stages import grid
from rmft.stages.fingerprint import fingerprint
from rmft.stages.grid import own, policy_cell
from rmft.stages.yaml_files import read_yaml

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
THEORY_TABLES = (
    "theorem theorem_training theorem_matrices theorem_regret theorem_limit theorem_policies theorem_distances".split()
)
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


def untrained_model(wildcards):
    """The entry of a numeric model, less what fine-tunes it and how it explores."""
    return as_json(without(config["models"][wildcards.model], "sft", "exploration", "resources"))


def base_model(wildcards):
    """The model's entry, less what fine-tunes it, with the tasks that its crowd plays."""
    entry = without(config["models"][wildcards.model], "sft", "resources")
    training = entry["pretraining"]
    tasks = {name: {"share": share, **config["tasks"][name]} for name, share in training["crowd"]["tasks"].items()}
    return as_json({**entry, "pretraining": {**training, "crowd": {**training["crowd"], "tasks": tasks}}})


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


def numeric_model(wildcards):
    """The architecture's entry with its name."""
    return as_json({"name": wildcards.architecture, **THEORY["policies"]["models"][wildcards.architecture]})


def training_rollout(wildcards):
    """How training scenarios are played."""
    if not numeric(wildcards.model):
        return as_json(without(config["rollout"], "shards"))
    noise = {"exploration": config["models"][wildcards.model]["exploration"]}
    return as_json({key: NUMBERS[key] for key in ("chunk_episodes", "shared_rewards")} | noise)


def heldout_rollout(wildcards):
    """How held-out scenarios are played: the same, but for how many and how often, and without exploration."""
    if numeric(wildcards.model):
        return as_json({"chunk_episodes": NUMBERS["chunk_episodes"]})
    return as_json(without(config["rollout"], "scenarios", "trajectories_per_scenario", "shards"))


def per_scenario(wildcards):
    """Trajectories of each training scenario."""
    return grid.per_scenario(config, wildcards.model, wildcards.method)


def heldout_episodes(wildcards):
    """Held-out episodes of each suite."""
    return grid.heldout_episodes(config, wildcards.task)


def kind_of(wildcards):
    """How a model speaks: the end of the names of the modules that play and train it."""
    return "numbers" if numeric(wildcards.model) else "words"


def rollout_code(wildcards):
    """Fingerprint of the rollout; the stage imports what plays by name."""
    return fingerprint("rollout", f"rmft.stages.rollout_{kind_of(wildcards)}")


def sft_code(wildcards):
    """Fingerprint of the fine-tuning; the stage imports what trains by name."""
    return fingerprint("sft", f"rmft.stages.sft_{kind_of(wildcards)}")


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


def crowd_wording(wildcards):
    """Digest of the words of all tasks that the model's crowd plays."""
    return worded(
        [config["tasks"][name] for name in config["models"][wildcards.model]["pretraining"]["crowd"]["tasks"]]
    )


def suites(wildcards):
    """What each suite of the task changes."""
    return as_json({name: config["suites"][name] for name in RUN["suites"].get(wildcards.task, [])})


def suite_wording(wildcards):
    """Digest of the words of the task under all its suites."""
    return worded(under_suites(wildcards.task).values())


def phrases_wording(wildcards):
    """Digest of the patterns that reasonings are read with."""
    return wording(PHRASES)


def captions_wording(wildcards):
    """Digest of captions and page template of the report."""
    files = sorted(path for path in Path("workflow/report").iterdir() if path.is_file())
    return digest("\0".join(path.read_text(encoding="utf-8") for path in files))


def claims_wording(wildcards):
    """Digest of the claims."""
    return wording("workflow/claims.yaml")


@cache
def whole_run():
    """The selection of config.yaml, whatever is laid over it."""
    return read_yaml(Path("config.yaml"))["run"]


def plays(model):
    """The tasks that claims about a model could be tested on: what is selected, and what it can learn. Numeric models: all
    tasks that are theirs; models with a crowd: what that talks about; others: all that config.yaml selects."""
    own = [run["task"] for run in RUNS if run["model"] == model]
    crowd = config["models"][model].get("pretraining", {}).get("crowd", {})
    able = whole_run()["numbers"]["tasks"] if numeric(model) else crowd.get("tasks", whole_run()["tasks"])
    return list(dict.fromkeys([*own, *able]))


def claimed_of(model):
    """What the claims need to know of a model."""
    kind = config["models"][model]["kind"]
    large = kind not in ("pretrain", "numeric")
    return {"kind": "numbers" if numeric(model) else "words", "plays": plays(model), "large": large}


def experiment(wildcards):
    """What claims could be tested on, and what is selected now."""
    models = {name: claimed_of(name) for name in config["models"]}
    known = sorted({task for entry in models.values() for task in entry["plays"]})
    beside = [{task: run["suites"].get(task, []) for task in known} for run in (RUN, whole_run())]
    chosen = ("models", "tasks", "methods", "baselines", "suites", "instead", "numbers")
    said = {
        "models": models,
        "tasks": {task: config["tasks"][task] for task in known},
        "suites": {task: list(dict.fromkeys([*beside[0][task], *beside[1][task]])) for task in known},
        "methods": config["methods"],
        "baselines": list(config["baselines"]),
        "run": {key: RUN[key] for key in chosen},
    }
    return as_json(said)


def figure_code(wildcards):
    """Fingerprint of what draws the figure; the stage imports it by name."""
    return fingerprint("draw", f"rmft.figures.{wildcards.figure}")


def baseline_episodes(wildcards):
    """Many for calibration; elsewhere as many as the models play."""
    many = wildcards.task in RUN["calibration_tasks"]
    return config["evaluation"]["calibration_episodes"] if many else heldout_episodes(wildcards)


def baselines_of(task):
    """The baselines that a task is compared with, by name."""
    selection = NUMBERS if task in NUMBERS["tasks"] else RUN
    names = RUN["instead"].get(task, {}).get("baselines", selection["baselines"])
    return {name: config["baselines"][name] for name in names}


def selection(wildcards):
    """What the tables gather."""
    calibrated = {task: config["tasks"][task] for task in RUN["calibration_tasks"]}
    named = {
        "tasks": {task: under_suites(task) for task in TASKS},
        "baselines": {task: baselines_of(task) for task in TASKS},
        "calibration_tasks": calibrated,
        "calibration_baselines": {name: config["baselines"][name] for name in RUN["calibration_baselines"]},
        "runs": [{**run, "first": first_rollouts(run), "kind": policy_kind(run["model"])} for run in RUNS],
    }
    return as_json({"models": MODELS, **named})


def signature_bounds(wildcards):
    """From where on a sign of failure is flagged."""
    return as_json(config["signatures"])


def policy_kind(model):
    """The kind of a model's rows in the tables."""
    return "numeric" if numeric(model) else "policy"


def whole_config(wildcards):
    """Everything, for the report to print."""
    return as_json(config)


def cell(wildcards):
    """The wildcards that name a cell."""
    return without(wildcards, "shard", "shards")


def policy(wildcards):
    """The policy of a cell."""
    return f"{policy_cell(**cell(wildcards))}/policy.json"


def shards(wildcards):
    """What says that each shard of a rollout is finished; nothing where there is one alone."""
    name = f"{own(**wildcards)}/rollout-{{}}-of-{SHARDS}.json"
    return [name.format(shard) for shard in range(SHARDS if sharded(wildcards.model) else 0)]


def sharded(model):
    """Whether several jobs share its rollouts; those in numbers take seconds."""
    return SHARDS > 1 and not numeric(model)


def unsharded(wildcards):
    """What the shards of a rollout become."""
    return f"{own(**cell(wildcards))}/trajectories.parquet"


def rollouts(wildcards):
    """What policy_t rolled out, and its scores."""
    folder = rollout_cell(**wildcards)
    return {"trajectories": f"{folder}/trajectories.parquet", "regret": f"{folder}/regret.parquet"}


def parent(wildcards):
    """Policy_{t-1}, its rollouts, and what the method selected from them."""
    before = {**wildcards, "iteration": int(wildcards.iteration) - 1}
    return {
        "policy": f"{policy_cell(**before)}/policy.json",
        "trajectories": f"{rollout_cell(**before)}/trajectories.parquet",
        "selected": f"{own(**before)}/selected.jsonl",
    }


def training_scenarios(wildcards):
    """Training scenarios of a rollout."""
    return grid.training_scenarios(config, wildcards.model, wildcards.method)


def teacher(wildcards):
    """The flag that names who plays instead of the policy, if anybody does."""
    name = config["methods"].get(wildcards.method, {}).get("teacher")
    return f"--teacher {shlex.quote(as_json(config['baselines'][name]))}" if name else ""


def targets(wildcards):
    """Which of its sampled tokens a policy learns from."""
    return config["methods"][wildcards.method].get("targets", "all")


def first_rollouts(run):
    """The method whose cell holds what the base policy rolled out for a run."""
    return rollout_cell(**without(run, "iterations"), iteration=0).split("/")[4]


def in_words(paths):
    """Those of models that speak, each once."""
    return [path for path in dict.fromkeys(paths) if not numeric(path.split("/")[2])]


NUMERIC_MODELS = "|".join(model for model in config["models"] if numeric(model)) or "none"
EVALUATIONS = of_cells(policy_cell, 0, 0, "evaluation.parquet")
REASONINGS = in_words(of_cells(policy_cell, 0, 0, "reasoning.parquet"))
PROBES = in_words(
    f"{policy_cell(**without(run, 'iterations'), iteration=t)}/probes.jsonl"
    for run in RUNS
    for t in (0, run["iterations"])
)
REGRETS = of_cells(rollout_cell, 0, -1, "regret.parquet")
SELECTIONS = of_cells(own, 0, -1, "selection.json", "selected.jsonl")
MODELS = list(dict.fromkeys(run["model"] for run in RUNS if not numeric(run["model"])))
PRETRAININGS = expand("results/models/{model}/{name}", model=MODELS, name=["pretrain.json", "reading.csv"])
TRAININGS = of_cells(own, 1, 0, "sft.json")
BASELINES = [f"results/baselines/{task}/{name}.parquet" for task in TASKS for name in baselines_of(task)] + expand(
    "results/baselines/{task}/{name}.parquet", task=RUN["calibration_tasks"], name=RUN["calibration_baselines"]
)
MOVING = [task for task in TASKS if config["tasks"][task]["environment"] == "ns-mab"]
MOVING_HELDOUTS = [path for path in of_cells(policy_cell, 0, 0, "heldout.parquet") if path.split("/")[3] in MOVING]
MOVING_BASELINES = [f"results/baselines/{task}/{name}.json" for task in MOVING for name in baselines_of(task)]
THEORY_PARTS = (
    expand(
        "results/theory/{space}/d{arms}/{table}.csv",
        space=THEORY["spaces"],
        arms=THEORY["theorem"]["arms"],
        table=THEORY_TABLES[:4],
    )
    + expand("results/theory/{space}/limit/theorem_limit.csv", space=THEORY["spaces"])
    + expand(
        "results/theory/{space}/policies/{architecture}/{table}.csv",
        space=THEORY["spaces"],
        architecture=THEORY["policies"]["architectures"],
        table=THEORY_TABLES[5:],
    )
)
# Asked for by `all`, so that a deleted one is made again, with what follows from it.
EVERYTHING = (
    PRETRAININGS
    + EVALUATIONS
    + REASONINGS
    + PROBES
    + REGRETS
    + SELECTIONS
    + TRAININGS
    + BASELINES
    + THEORY_PARTS
    + expand("results/models/{model}/model.safetensors", model=MODELS)
    + of_cells(policy_cell, 0, 0, "policy.json", "heldout.parquet")
    + of_cells(rollout_cell, 0, -1, "trajectories.parquet")
)
