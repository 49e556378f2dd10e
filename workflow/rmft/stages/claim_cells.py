"""Which cells a claim is tested on, what each of them needs, and the command that would run what is not there."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from rmft.core.information import knowable
from rmft.core.tasks import task_from_config
from rmft.stages.schema import mend

USUAL = {"interaction": "dialogue", "output": "action"}
TARGET = "results/claims.json"


@dataclass(frozen=True)
class Experiment:
    """What could be run: the ``--experiment`` argument.

    models: of each its ``kind`` ("words" or "numbers"), the tasks that it ``plays``, and whether it is ``large``: no model
    that the laptop trains. tasks: entries of the config. suites: of each task all that stand beside it. methods: entries of
    the config. baselines: their names. run: the selection of the config.
    """

    models: dict[str, dict]
    tasks: dict[str, dict]
    suites: dict[str, list[str]]
    methods: dict[str, dict]
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
            if where["models"] in ("any", entry["kind"]) and _fits(claim, task, experiment):
                yield from _with_twins(claim, experiment, model, task)


def _fits(claim: dict, task: str, experiment: Experiment) -> bool:
    """Whether a claim can be tested on a task: its environment, suites where they are needed, and its method's score."""
    entry = experiment.tasks[task]
    bare = any("suites" in test for test in claim["tests"]) and not experiment.suites[task]
    if bare or entry["environment"] not in claim["cells"]["environments"]:
        return False
    score = experiment.methods[claim["cells"]["method"]]["score"]
    return score != "information_regret" or not knowable(task_from_config(task, entry))


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
    changes = _wanted(claim, cell, experiment)
    if experiment.models[cell.model]["large"]:  # by a file: `--config` would replace what the profile says
        file = shlex.quote(f"run: {changes}")
        return f"echo {file} > more.yaml && snakemake --profile slurm --configfile more.yaml -- {TARGET}"
    wanted = f" --config {shlex.quote(f'run={changes}')}" if changes != "{}" else ""
    return f"snakemake --cores all{wanted} -- {TARGET}"


def _wanted(claim: dict, cell: Cell, experiment: Experiment) -> str:
    """The entries of ``run`` that add a cell, as YAML: only those that differ. Lists replace, so they hold what is selected
    too."""
    run, numeric = experiment.run, experiment.models[cell.model]["kind"] == "numbers"
    selection, tasks = run["numbers"] if numeric else run, [cell.task, *filter(None, cell.twins)]
    own = {key: selection[key] for key in ("tasks", "models")}
    wanted = {"tasks": _union(own["tasks"], tasks)}
    if numeric:
        wanted |= {"models": _union(own["models"], [cell.model])}
    wanted = {key: names for key, names in wanted.items() if names != own[key]}
    wanted = ({"numbers": wanted} if wanted else {}) if numeric else wanted
    if instead := {task: more for task in tasks if (more := _instead(claim, cell, task, experiment))}:
        wanted["instead"] = instead
    if any("suites" in test for test in claim["tests"]):
        wanted["suites"] = {cell.task: _union(run["suites"].get(cell.task, []), experiment.suites[cell.task])}
    return yaml.safe_dump(wanted, default_flow_style=True, sort_keys=False, width=10**6).strip()


def _instead(claim: dict, cell: Cell, task: str, experiment: Experiment) -> dict[str, list[str]]:
    """What a task must have instead of what it has now: more models, methods, baselines."""
    run, numeric = experiment.run, experiment.models[cell.model]["kind"] == "numbers"
    selection = run["numbers"] if numeric else run
    own = {**selection, **run["instead"].get(task, {})}
    rivals = [name for test in claim["tests"] for name in against(test, "baselines") or ()]
    needed = {"methods": _methods(claim), "baselines": rivals} | ({} if numeric else {"models": [cell.model]})
    begun = task in selection["tasks"]
    wanted = {key: _union(own[key] if begun or key == "baselines" else [], names) for key, names in needed.items()}
    return {key: names for key, names in wanted.items() if names != own[key]}


def _union(names: list[str], more: list[str]) -> list[str]:
    """All names, each once."""
    return list(dict.fromkeys([*names, *more]))
