"""What the experiment consists of, and where its cells stand."""

import json
from dataclasses import dataclass
from pathlib import Path

TALK = {"interaction": "dialogue", "output": "action", "context": "", "reasoning": "free", "shown": "raw"}


@dataclass(frozen=True)
class Run:
    """One repetition of a method: policies 0..N. ``first``: the method whose cell holds what policy_0 rolled out. ``kind``:
    of its rows in the tables, "policy" where it speaks in words and "numeric" where in numbers."""

    model: str
    task: str
    method: str
    seed: int
    iterations: int
    first: str
    kind: str = "policy"


@dataclass(frozen=True)
class Selection:
    """What the experiment consists of: the ``--selection`` argument.

    tasks: of each task its entry under every suite. runs: see ``Run``. baselines: of each task its baselines' entries.
    """

    models: list[str]
    tasks: dict[str, dict[str, dict]]
    runs: list[dict]
    baselines: dict[str, dict[str, dict]]
    calibration_tasks: dict[str, dict]
    calibration_baselines: dict[str, dict]


def selection_from_json(text: str) -> Selection:
    """The selection of a JSON text. Raises ValueError, naming the key, for one that is not closed."""
    try:
        return Selection(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise ValueError(f"--selection: {error}") from None


def cell(results: Path, model: str, task: str, method: str, seed: int | str, iteration: int) -> Path:
    """The folder of a cell."""
    return results / "cells" / model / task / method / f"seed{seed}" / f"iter{iteration}"


def policy_cell(results: Path, model: str, task: str, method: str, seed: int | str, iteration: int) -> Path:
    """The folder of policy_t; policy_0 is the base policy, shared by all methods."""
    return cell(results, model, task, method if iteration else "base", seed, iteration)


def talk(entry: dict) -> str:
    """How a task is told and answered: interaction, output, context; then reasoning and what is shown, if unusual."""
    told = {key: entry.get(key, usual) for key, usual in TALK.items()}
    odd = [f"{key} {told[key]}" for key in ("reasoning", "shown") if told[key] != TALK[key]]
    return ", ".join([told["interaction"], told["output"], told["context"], *odd])


def alike(tasks: dict[str, dict]) -> dict[str, str]:
    """Of each task (its entry) the first one that differs from it in nothing but TALK: maybe itself."""
    bare = {name: {key: value for key, value in entry.items() if key not in TALK} for name, entry in tasks.items()}
    return {name: next(other for other in bare if bare[other] == bare[name]) for name in tasks}


def gap(entry: dict) -> float | None:
    """D of a task for which MedianReward is defined: a bandit whose arms stay, one at 0.5 + D/2, the others at 0.5 - D/2
    (arXiv 2403.15371). None elsewhere."""
    means = entry["means"]
    stays = entry["environment"] == "mab" and entry.get("drift", {"kind": "constant"})["kind"] == "constant"
    return means["gap"] if stays and means["kind"] == "gap" and means.get("centre", 0.5) == 0.5 else None
