"""Which cells a claim is tested on, what each of them needs, and the command that would run what is not there."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from rmft.stages.check_config import mend

USUAL = {"interaction": "dialogue", "output": "action"}
TARGET = "results/claims.json"


@dataclass(frozen=True)
class Experiment:
    """What could be run: the ``--experiment`` argument.

    models: of each its ``kind`` ("words" or "numbers"), the tasks that it ``plays``, and whether it is ``large``: no model
    that the laptop trains. tasks: entries of the config. suites: of each task all that stand beside it. methods, baselines:
    their names. run: the selection of the config.
    """

    models: dict[str, dict]
    tasks: dict[str, dict]
    suites: dict[str, list[str]]
    methods: list[str]
    baselines: list[str]
    run: dict


def experiment_from_json(text: str) -> Experiment:
    """The experiment of a JSON text. Raises ValueError, naming the flag, for one that is not closed."""
    try:
        return Experiment(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise ValueError(f"--experiment: {error}") from None


@dataclass(frozen=True)
class Cell:
    """Where a claim is tested. twins: for each test, the task that is alike but for what it says, or ""."""

    model: str
    task: str
    twins: tuple[str, ...] = ()


def twin(tasks: dict[str, dict], task: str, changes: dict[str, str]) -> str:
    """The first task whose entry is that of ``task`` with the changes, "" where there is none."""
    sought = USUAL | tasks[task] | changes
    return next((name for name, entry in tasks.items() if name != task and USUAL | entry == sought), "")


def against(test: dict, key: str) -> object:
    """What a test is compared with, where it is of this kind."""
    other = test.get("against")
    return other.get(key) if isinstance(other, dict) else None


def cells(claim: dict, experiment: Experiment) -> Iterator[Cell]:
    """Every model x task of the whole experiment that a claim speaks of."""
    where = claim["cells"]
    if "theory" in where:
        yield Cell(where["theory"], "theorem")
        return
    for model, entry in experiment.models.items():
        for task in entry["plays"]:
            if experiment.tasks[task]["environment"] not in where["environments"]:
                continue
            if where["models"] in ("any", entry["kind"]):
                yield from _with_twins(claim, experiment, model, task)


def _with_twins(claim: dict, experiment: Experiment, model: str, task: str) -> Iterator[Cell]:
    """The cell with the twins of its tests, unless the model plays no twin that a test needs."""
    sought = [against(test, "task") for test in claim["tests"]]
    twins = tuple(twin(experiment.tasks, task, changes) if changes else "" for changes in sought)
    plays = experiment.models[model]["plays"]
    if all(not changes or other in plays for changes, other in zip(sought, twins, strict=True)):
        yield Cell(model, task, twins)


def check(claims: dict[str, dict], experiment: Experiment) -> None:
    """Raises ValueError, naming claim and mend, where a claim names a method or baseline that nothing defines."""
    for key, claim in claims.items():
        if (
            missing := {"models", "environments", "method"} - claim["cells"].keys()
            if "theory" not in claim["cells"]
            else ()
        ):
            raise ValueError(f"claims: {key}.cells: lacks {sorted(missing)[0]}; add it")
        named = [("method", name) for name in _methods(claim)]
        named += [("baseline", name) for test in claim["tests"] for name in against(test, "baselines") or ()]
        for kind, name in named:
            known = experiment.methods if kind == "method" else experiment.baselines
            if name not in known:
                raise ValueError(f"claims: {key}: no {kind} {name} in the config; {mend(name, known)}")


def _methods(claim: dict) -> list[str]:
    """The methods that a claim needs."""
    own = [claim["cells"]["method"]] if "method" in claim["cells"] else []
    return own + [name for test in claim["tests"] if (name := against(test, "method"))]


def command(claim: dict, cell: Cell, experiment: Experiment) -> str:
    """What would run a cell beside all that is selected now, and then the claims again."""
    if cell.task == "theorem":
        return f"snakemake --cores all -- {TARGET}"
    wanted = shlex.quote(f"run={_wanted(claim, cell, experiment)}")
    if experiment.models[cell.model]["large"]:
        return f"snakemake --profile slurm --config door=cluster {wanted} -- {TARGET}"
    return f"snakemake --cores all --config {wanted} -- {TARGET}"


def _wanted(claim: dict, cell: Cell, experiment: Experiment) -> str:
    """The entries of ``run`` that add a cell, as JSON, which is YAML too: lists replace, so they hold what is selected."""
    run, numeric = experiment.run, experiment.models[cell.model]["kind"] == "numbers"
    selection, tasks = run["numbers"] if numeric else run, [cell.task, *filter(None, cell.twins)]
    instead = {}
    for task in tasks:
        own = {**selection, **run["instead"].get(task, {})}
        instead[task] = {"methods": _union(own["methods"] if task in selection["tasks"] else [], _methods(claim))}
        if not numeric:
            instead[task]["models"] = _union(own["models"] if task in selection["tasks"] else [], [cell.model])
        if rivals := [name for test in claim["tests"] for name in against(test, "baselines") or ()]:
            instead[task]["baselines"] = _union(own["baselines"], rivals)
    wanted = {"tasks": _union(selection["tasks"], tasks)}
    if numeric:
        wanted = {"numbers": wanted | {"models": _union(selection["models"], [cell.model])}}
    wanted["instead"] = instead
    if any("suites" in test for test in claim["tests"]):
        wanted["suites"] = {cell.task: _union(run["suites"].get(cell.task, []), experiment.suites.get(cell.task, []))}
    return json.dumps(wanted)


def _union(names: list[str], more: list[str]) -> list[str]:
    """All names, each once."""
    return list(dict.fromkeys([*names, *more]))
