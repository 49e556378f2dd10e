"""Refuse a config that cannot run, by one line that names the key and the mend, before the first job.

    python -m rmft.stages.check_config config.yaml config.laptop.yaml

The Snakefile calls ``complaint`` at every parse: nothing heavier than numpy is imported here.
"""

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from functools import cache, reduce
from pathlib import Path

import yaml

from rmft.core.information import knowable
from rmft.core.policies import policy_from_config
from rmft.core.tasks import task_from_config, under_suite
from rmft.core.tuning import candidates
from rmft.stages import check_models
from rmft.stages.grid import runs
from rmft.stages.schema import mend, read_schema
from rmft.stages.yaml_files import read_yaml

WORKFLOW = Path(__file__).parents[2]
POLICIES = 100_000  # that one workflow can plan
SELECTIONS = {
    "models": "models",
    "tasks": "tasks",
    "calibration_tasks": "tasks",
    "methods": "methods",
    "baselines": "baselines",
    "calibration_baselines": "baselines",
}


def lay_over(below: dict, above: dict) -> dict:
    """``above`` laid over ``below``: mappings merge, anything else replaces. As Snakemake lays its config files."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = lay_over(below[key], value) if both else value
    return merged


def read_config(path: Path) -> dict:
    """What one config file says. Raises ValueError, naming the file and the mend, where it is none."""
    said = read_yaml(path)
    if not isinstance(said, dict):
        raise ValueError(f"{path}: must be a mapping of keys; mend it")
    if "__use_yte__" in said:
        raise ValueError(f"{path}: __use_yte__: has Snakemake run code from the file; take it out")
    return said


def read_configs(paths: Iterable[Path]) -> dict:
    """The config that files make, later ones laid over earlier ones."""
    return reduce(lay_over, map(read_config, paths), {})


def unreadable(paths: Iterable[str | Path]) -> str | None:
    """What is wrong with the first config file that cannot be read, or None. To be asked before Snakemake reads it."""
    try:
        for path in filter(Path.exists, map(Path, paths)):
            read_config(path)
    except ValueError as error:
        return str(error)
    return None


def refuse(wrong: str | None) -> None:
    """End the program by one line where something is wrong with the config."""
    if wrong:
        sys.exit(f"config: {wrong}")


def unknown_key(error: object) -> tuple[str, str]:
    """The first key that the schema does not know, and the mend."""
    known = error.schema["properties"]
    key = next(key for key in error.instance if key not in known)
    return f".{key}", f"unknown key; {mend(key, known)}"


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:90]}... ({len(text):,} letters)"


def number_or_text(value: object) -> str:
    """How a wrong type is said; YAML reads 1e-3 as text, which deserves a word."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    return (
        f"not {shown(value)}"
        if number is None
        else f"not the text {shown(value)}; write {yaml.safe_dump(number).split()[0]}"
    )


def wording(error: object) -> tuple[str, str]:
    """What is appended to the error's key, and what is said about it."""
    value, limit = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        return unknown_key(error)
    if error.validator == "required":
        key = next(key for key in limit if key not in value)
        return f".{key}", f"missing; {error.schema['properties'].get(key, {}).get('description', 'add it')}"
    sayings = {
        "enum": lambda: f"must be one of {', '.join(map(str, limit))}, not {shown(value)}; {mend(value, limit)}",
        "type": lambda: f"must be of type {limit}, {number_or_text(value)}",
        "minimum": lambda: f"must be {limit} or more, not {shown(value)}",
        "exclusiveMinimum": lambda: f"must be above {limit}, not {shown(value)}",
        "maximum": lambda: f"must be {limit} or less, not {shown(value)}",
        "minItems": lambda: "must name at least one",
        "maxItems": lambda: f"must name {limit} at most, not {len(value)}",
        "maxLength": lambda: f"must have {limit} letters at most, not {len(value)}",
        "minProperties": lambda: "must say at least one thing",
        "uniqueItems": lambda: f"must not say a thing twice: {shown(value)}",
        "pattern": lambda: f"{shown(value)} must be made of a-z, 0-9 and single hyphens, as it becomes a folder's name",
    }
    return "", sayings.get(error.validator, lambda: shown(error.message))()


def of_schema(config: dict, schema: dict) -> Iterator[str]:
    """What the schema refuses, one line each, in the order of the keys."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    kinds = Draft202012Validator.TYPE_CHECKER.redefine_many(
        {
            "integer": lambda _, value: isinstance(value, int) and not isinstance(value, bool),
            "number": lambda _, value: type(value) in (int, float) and math.isfinite(value),
        }
    )
    for error in extend(Draft202012Validator, type_checker=kinds)(schema).iter_errors(config):
        more, said = wording(error)
        yield f"{'.'.join(map(str, error.absolute_path))}{more}".lstrip(".") + f": {said}"


def of_run(config: dict) -> Iterator[str]:
    """Names in ``run`` that nothing defines, and tasks that stand in both lists."""
    run = config["run"]
    keys = [(key, group, run[key]) for key, group in SELECTIONS.items()]
    keys += [
        (f"numbers.{key}", group, run["numbers"][key]) for key, group in SELECTIONS.items() if key in run["numbers"]
    ]
    for key, group, names in keys:
        for name in names:
            if name not in config[group]:
                yield f"run.{key}: {name} is not defined under {group}; {mend(name, config[group])}"
    for name in sorted({*run["tasks"]} & {*run["calibration_tasks"]}):
        yield f"run.calibration_tasks: {name} is in run.tasks too; take it out of one of them"
    for name in run["numbers"]["tasks"]:
        if name in {*run["tasks"], *run["calibration_tasks"]}:
            yield f"run.numbers.tasks: {name} is in run.tasks or run.calibration_tasks too; give it a name of its own"


def of_rollout(config: dict) -> Iterator[str]:
    """More shards than chunks."""
    rollout = config["rollout"]
    size = max(1, rollout["chunk_episodes"] // rollout["trajectories_per_scenario"])
    if rollout["shards"] > (chunks := -(-rollout["scenarios"] // size)):
        yield f"rollout.shards: {rollout['shards']} is more than the chunks of a rollout ({chunks}); lower it"


def of_grid(config: dict) -> Iterator[str]:
    """Names in ``run.instead`` and ``run.suites``."""
    run = config["run"]
    for key in ("instead", "suites"):
        for task in run[key]:
            if task not in config["tasks"]:
                yield f"run.{key}: {task} is not defined under tasks; {mend(task, config['tasks'])}"
    groups = ("models", "methods", "baselines")
    named = [(f"instead.{task}", g, own.get(g, [])) for task, own in run["instead"].items() for g in groups]
    named += [(f"suites.{task}", "suites", names) for task, names in run["suites"].items()]
    for key, group, names in named:
        for name in names:
            if name not in config[group]:
                yield f"run.{key}: {name} is not defined under {group}; {mend(name, config[group])}"


def of_extent(config: dict) -> Iterator[str]:
    """More policies than a workflow can plan."""
    policies = sum(run["iterations"] for run in runs(config))
    if policies > POLICIES:
        yield f"run: asks for {policies:,} policies to be trained, more than {POLICIES:,}; take iterations or seeds out"


def of_methods(config: dict) -> Iterator[str]:
    """The reserved name, k above L, and keys that need or exclude each other."""
    rollouts = config["rollout"]["trajectories_per_scenario"]
    for name, method in config["methods"].items():
        if name == "base":
            yield "methods.base: the name is reserved for the policy before any training; choose another"
        if method["k"] > rollouts:
            yield (
                f"methods.{name}.k: {method['k']} is more than rollout.trajectories_per_scenario ({rollouts}); "
                "lower k or raise that"
            )
        if (method["score"] == "rolling_regret") != ("window" in method):
            yield f"methods.{name}.window: belongs to the score rolling_regret, and to no other; add or remove it"
        if (teacher := method.get("teacher")) and teacher not in config["baselines"]:
            yield f"methods.{name}.teacher: no {teacher} under baselines; {mend(teacher, config['baselines'])}"


def of_baselines(config: dict) -> Iterator[str]:
    """Baselines whose constants cannot be."""
    for name, entry in config["baselines"].items():
        try:
            for tried in candidates(entry):
                policy_from_config(tried)
        except ValueError as error:
            yield f"baselines.{name}: {error}"


def entries(config: dict) -> Iterator[tuple[str, str, dict]]:
    """Every task, and every task under each suite that runs beside it: its key, its name and its entry."""
    for name, task in config["tasks"].items():
        yield f"tasks.{name}", name, task
    for name, suites in config["run"]["suites"].items():
        for suite in suites:
            yield f"run.suites.{name}: {suite}", name, under_suite(config["tasks"][name], config["suites"][suite])


@cache
def arm_names(context: Path) -> list[str]:
    """How a context's file names its arms; many tasks share one."""
    return read_yaml(context)["arm_names"]


def of_tasks(config: dict) -> Iterator[str]:
    """Tasks that cannot be, and contexts that are not there or have too few arm names."""
    contexts = {path.stem: path for path in (WORKFLOW / "scenarios").glob("*.yaml")}
    for key, name, entry in entries(config):
        try:
            task_from_config(name, entry)
        except ValueError as error:
            yield f"{key}{str(error).removeprefix(f'tasks: {name}')}"
            continue
        if entry["context"] not in contexts:
            yield f"{key}.context: no {entry['context']} in workflow/scenarios; {mend(entry['context'], contexts)}"
            continue
        names = arm_names(contexts[entry["context"]])
        if entry["arms"] > len(names):
            yield f"{key}.arms: context {entry['context']} names {len(names)} arms, not {entry['arms']}; lower it"


def of_runs(config: dict) -> Iterator[str]:
    """Scores that a task does not have, among the methods that run on it."""
    run = config["run"]
    for selection, name in [(s, task) for s in (run, run["numbers"]) for task in s["tasks"]]:
        why = knowable(task_from_config(name, config["tasks"][name]))
        for method in run["instead"].get(name, {}).get("methods", selection["methods"]):
            yield from of_targets(config, name, method, numeric=selection is not run)
            if why and config["methods"][method]["score"] == "information_regret":
                yield f"run.methods: {method} needs information regret, which {name} has not ({why}); see run.instead"


def of_targets(config: dict, task: str, name: str, *, numeric: bool) -> Iterator[str]:
    """What a method would teach a kind of model that cannot learn it on the task, and a k above its L."""
    method, run = config["methods"][name], config["run"]
    targets, fol = method.get("targets", "all"), config["tasks"][task]["environment"] == "fol"
    if targets in (("answer",) if numeric else ("hindsight", "regret")) or (numeric and "teacher" in method):
        yield f"run.methods: {name} is not for the models that play {task}; take it out of its methods"
    if targets == "regret" and not fol:
        yield f"run.methods: {name} needs full information, which {task} has not; see run.instead"
    if numeric and method["k"] > (rollouts := run["numbers"]["trajectories_per_scenario"]):
        yield f"methods.{name}.k: {method['k']} is more than run.numbers.trajectories_per_scenario ({rollouts}); lower k"


def of_signatures(config: dict) -> Iterator[str]:
    """Bounds of the entropy that every policy is beyond."""
    bounds = config["signatures"]["degenerate"]
    if bounds["least"] >= bounds["most"]:
        yield f"signatures.degenerate.least: must lie below most, not {bounds['least']} >= {bounds['most']}; lower it"


def of_theory(config: dict) -> Iterator[str]:
    """Architectures that nothing defines, and widths that heads cannot share."""
    entry = config["theory"]["policies"]
    for name in entry["architectures"]:
        if name not in entry["models"]:
            yield f"theory.policies.architectures: {name} is not defined under models; {mend(name, entry['models'])}"
    for name, model in entry["models"].items():
        if model["width"] % model.get("heads", 1):
            yield f"theory.policies.models.{name}.width: {model['width']} does not divide by heads; make it a multiple"


def complaint(config: dict) -> str | None:
    """The first thing wrong with the config, as one line, or None."""
    first = next(of_schema(config, read_schema()), None)
    checks = (
        of_run,
        of_rollout,
        of_grid,
        of_extent,
        of_methods,
        of_baselines,
        of_tasks,
        check_models.of_kinds,
        of_runs,
        check_models.of_numbers,
        check_models.of_crowds,
        check_models.of_open,
        check_models.of_contexts,
        check_models.of_weights,
        check_models.of_vllm,
        check_models.of_api,
        of_signatures,
        of_theory,
    )
    return first or next((line for check in checks for line in check(config)), None)


def main(argv: list[str] | None = None) -> int:
    """Check config files, later ones laid over earlier ones. Exit status 1 and one line where they cannot run."""
    parser = argparse.ArgumentParser(prog="check_config", description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="config files, later ones laid over earlier ones")
    try:
        wrong = complaint(read_configs(parser.parse_args(argv).files))
    except ValueError as error:
        wrong = str(error)
    print(f"config: {wrong}" if wrong else "config: ok", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
