# The files of a cell, and of all selected ones.


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
    """Whether several jobs share its rollouts; those in numbers take seconds, those of an API wait."""
    return SHARDS > 1 and not numeric(model) and not closed(model)


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


def per_scenario(wildcards):
    """Trajectories of each training scenario."""
    return grid.per_scenario(config, wildcards.model, wildcards.method)


def heldout_episodes(wildcards):
    """Held-out episodes of each suite."""
    return grid.heldout_episodes(config, wildcards.task)


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


EVALUATIONS = of_cells(policy_cell, 0, 0, "evaluation.parquet")
REASONINGS = in_words(of_cells(policy_cell, 0, 0, "reasoning.parquet"))
PROBES = in_words(
    f"{policy_cell(**without(run, 'iterations'), iteration=t)}/probes.jsonl"
    for run in RUNS
    for t in (0, run["iterations"])
)
REGRETS = of_cells(rollout_cell, 0, -1, "regret.parquet")
SELECTIONS = of_cells(own, 0, -1, "selection.json", "selected.jsonl")
MODELS = list(dict.fromkeys(run["model"] for run in RUNS if config["models"][run["model"]]["kind"] == "pretrain"))
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
