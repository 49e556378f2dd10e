# How regret grows, and a verdict for every claim of workflow/claims.yaml.


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


rule growth:
    """Growth exponents of every policy and baseline, and their change by training."""
    input:
        evaluations=EVALUATIONS,
        selections=SELECTIONS,
        baselines=BASELINES,
    output:
        growth="results/tables/growth.csv",
    log:
        "results/logs/growth.log",
    benchmark:
        "results/benchmarks/growth.tsv"
    params:
        selection=selection,
        code=fingerprint("growth"),
    shell:
        "{PYTHON} -m rmft.stages.growth "
        "--results results "
        "--selection {params.selection:q} "
        "--output {output.growth} "
        "> {log} 2>&1"


rule claims:
    """A verdict for every claim on every model and task, or what would run it."""
    input:
        tables=expand("results/tables/{table}.csv", table=CLAIM_TABLES),
    output:
        claims="results/claims.json",
        page="results/claims.md",
    log:
        "results/logs/claims.log",
    benchmark:
        "results/benchmarks/claims.tsv"
    params:
        experiment=experiment,
        stated=claims_wording,
        code=fingerprint("claims"),
    shell:
        "{PYTHON} -m rmft.stages.claims "
        "--claims workflow/claims.yaml "
        "--tables {input.tables} "
        "--experiment {params.experiment:q} "
        "--output {output.claims} {output.page} "
        "> {log} 2>&1"
