# What a job asks of a cluster, and which rules share one. One machine has no use for any of it.
# Nodes are asked for beside GPUs alone: a group adds up what runs side by side in it, and SLURM refuses more nodes
# than GPUs.


def gpus(wildcards):
    """GPUs of each job that runs the model."""
    return config["models"][wildcards.model]["resources"]["gpus"]


def partition(wildcards):
    """Partition of each job of the model's cells: the one with GPUs, if the model asks for any."""
    return config.get("gpu_partition" if gpus(wildcards) else "cpu_partition", "")


def gpu_model(wildcards):
    """Type of the GPUs, if the model asks for any."""
    return config.get("gpu_model", "") if gpus(wildcards) else ""


def memory(wildcards, attempt):
    """MB of memory of each job that runs the model; more at every attempt."""
    return config["models"][wildcards.model]["resources"]["mem_mb"] * attempt


def minutes(wildcards, attempt):
    """Time limit of each job that runs the model; longer at every attempt."""
    return config["models"][wildcards.model]["resources"]["minutes"] * attempt


def cell_name(model, task, method, seed, iteration):
    """The cell in one word."""
    return f"{model}-{task}-{method}-seed{seed}-iter{iteration}"


def cluster_job(kind, wildcards):
    """The name of a cluster job: all rules that bear it make one. One machine runs them one by one, without a name."""
    cell = {"method": "base", "iteration": 0, **wildcards}
    return f"{kind}-{cell_name(**cell)}" if config["door"] == "cluster" else None


def iteration_job(wildcards):
    """Policy_t is trained, plays, is scored."""
    return cluster_job("iteration", wildcards)


def rollout_job(wildcards):
    """What policy_t played. Where shards play it, they stand between it and the training."""
    return cluster_job("rollout" if sharded(wildcards.model) else "iteration", wildcards)


def next_iteration_job(wildcards):
    """What is selected from policy_t trains policy_{t+1}."""
    return cluster_job("iteration", {**wildcards, "iteration": int(wildcards.iteration) + 1})


def evaluation_job(wildcards):
    """Policy_t on held-out scenarios, beside the next iteration."""
    return cluster_job("evaluation", wildcards)
