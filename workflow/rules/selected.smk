# What the tables, claims and figures are told of the selection.


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


def whole_config(wildcards):
    """Everything, for the report to print, but what is no part of the results."""
    return as_json(without(config, "pythons"))


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


def captions_wording(wildcards):
    """Digest of captions and page template of the report."""
    files = sorted(path for path in Path("workflow/report").iterdir() if path.is_file())
    return digest("\0".join(path.read_text(encoding="utf-8") for path in files))


def claims_wording(wildcards):
    """Digest of the claims."""
    return wording("workflow/claims.yaml")
