"""The grid of a config: which runs it selects, where their cells are, and what these play. The rules, the plan and the
status all read it here."""

from collections.abc import Callable, Iterator
from itertools import product

from rmft.core.tasks import under_suite


def numeric(config: dict, model: str) -> bool:
    """Whether a model has numbers in and out."""
    return config["models"][model]["kind"] == "numeric"


def models_on(config: dict, task: str) -> list[str]:
    """The models in words that play a task."""
    return config["run"]["instead"].get(task, {}).get("models", config["run"]["models"])


def runs(config: dict) -> Iterator[dict]:
    """Every model x task x method x seed of the selection, with its number of iterations."""
    run, numbers = config["run"], config["run"]["numbers"]
    pairs = [(run, model, task) for task in run["tasks"] for model in models_on(config, task)]
    pairs += [(numbers, *pair) for pair in product(numbers["models"], numbers["tasks"])]
    for selection, model, task in pairs:
        grid = {**{key: selection[key] for key in ("methods", "seeds", "iterations")}, **run["instead"].get(task, {})}
        for method, seed in product(grid["methods"], grid["seeds"]):
            n = 1 if config["methods"][method].get("once") else grid["iterations"]
            yield {"model": model, "task": task, "method": method, "seed": seed, "iterations": n}


def rollout_of(config: dict, model: str) -> dict:
    """How many training scenarios a model plays, how often, and what else is said of its rollouts."""
    return config["run"]["numbers"] if numeric(config, model) else config["rollout"]


def training_scenarios(config: dict, model: str, method: str) -> int:
    """M; a method of one iteration plays the scenarios of all iterations at once."""
    once = config["methods"].get(method, {}).get("once")
    selection = config["run"]["numbers"] if numeric(config, model) else config["run"]
    return rollout_of(config, model)["scenarios"] * (selection["iterations"] if once else 1)


def per_scenario(config: dict, model: str, method: str) -> int:
    """L; as many as are learnt from where nothing is selected, for targets that the scenario gives."""
    entry = config["methods"].get(method, {})
    if entry.get("targets") in ("hindsight", "regret"):
        return entry["k"]
    return rollout_of(config, model)["trajectories_per_scenario"]


def heldout_episodes(config: dict, task: str) -> int:
    """Held-out episodes of each suite, of a task's policies and baselines."""
    numbers = config["run"]["numbers"]
    return (numbers if task in numbers["tasks"] else config["evaluation"])["episodes"]


def under_suites(config: dict, task: str) -> dict[str, dict]:
    """The task's entry as it stands and under each of its suites."""
    entry = config["tasks"][task]
    changed = {name: under_suite(entry, config["suites"][name]) for name in config["run"]["suites"].get(task, [])}
    return {"in-distribution": entry, **changed}


def own(model: str, task: str, method: str, seed: int | str, iteration: int | str) -> str:
    """The folder of a cell."""
    return f"results/cells/{model}/{task}/{method}/seed{seed}/iter{iteration}"


def policy_cell(model: str, task: str, method: str, seed: int | str, iteration: int | str) -> str:
    """The cell that holds policy_t; policy_0 is the base policy, shared by all methods."""
    return own(model, task, method if int(iteration) else "base", seed, iteration)


def rollout_cell(config: dict, model: str, task: str, method: str, seed: int | str, iteration: int | str) -> str:
    """The cell that holds what was rolled out at t: the base policy's is shared, but for methods that need more of it or
    have a teacher."""
    alone = config["methods"].get(method, {}).keys() & {"once", "teacher"}
    return (own if alone else policy_cell)(model, task, method, seed, iteration)


def of_cells(found: list[dict], kind: Callable[..., str], first: int, last: int, *names: str) -> list[str]:
    """Files of the cells of ``kind`` at iterations first .. N + last of every run, each once."""
    folders = (
        kind(**{key: run[key] for key in ("model", "task", "method", "seed")}, iteration=t)
        for run in found
        for t in range(first, run["iterations"] + last + 1)
    )
    return [f"{folder}/{name}" for folder in dict.fromkeys(folders) for name in names]
