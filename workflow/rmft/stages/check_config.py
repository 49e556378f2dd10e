"""Refuse a config that cannot run, by one line that names the key and the mend, before the first job.

    python -m rmft.stages.check_config config.yaml config.laptop.yaml

The Snakefile calls ``complaint``; heavy imports stay out of here.
"""

import argparse
import difflib
import math
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import yaml

WORKFLOW = Path(__file__).parents[2]
SELECTIONS = {
    "models": "models",
    "tasks": "tasks",
    "calibration_tasks": "tasks",
    "methods": "methods",
    "baselines": "baselines",
    "calibration_baselines": "baselines",
}


def mend(word: object, known: Iterable[str]) -> str:
    """The nearest known word as a question, or all of them."""
    known = sorted(map(str, known))
    near = difflib.get_close_matches(str(word), known, n=1)
    return f"did you mean {near[0]}?" if near else f"one of: {', '.join(known)}"


def lay_over(below: dict, above: dict) -> dict:
    """``above`` laid over ``below``: mappings merge, anything else replaces. As Snakemake lays its config files."""
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(key), dict)
        merged[key] = lay_over(below[key], value) if both else value
    return merged


def unknown_key(error: object) -> tuple[str, str]:
    """The first key that the schema does not know, and the mend."""
    known = error.schema["properties"]
    key = next(key for key in error.instance if key not in known)
    return f".{key}", f"unknown key; {mend(key, known)}"


def number_or_text(value: object) -> str:
    """How a wrong type is said; YAML reads 1e-3 as text, which deserves a word."""
    try:
        number = float(value) if isinstance(value, str) else None
    except ValueError:
        number = None
    return f"not {value!r}" if number is None else f"not the text {value!r}; write {yaml.safe_dump(number).split()[0]}"


def wording(error: object) -> tuple[str, str]:
    """What is appended to the error's key, and what is said about it."""
    value, limit = error.instance, error.validator_value
    if error.validator == "additionalProperties":
        return unknown_key(error)
    if error.validator == "required":
        key = next(key for key in limit if key not in value)
        return f".{key}", f"missing; {error.schema['properties'].get(key, {}).get('description', 'add it')}"
    sayings = {
        "enum": lambda: f"must be one of {', '.join(map(str, limit))}, not {value!r}; {mend(value, limit)}",
        "type": lambda: f"must be of type {limit}, {number_or_text(value)}",
        "minimum": lambda: f"must be {limit} or more, not {value}",
        "exclusiveMinimum": lambda: f"must be above {limit}, not {value}",
        "maximum": lambda: f"must be {limit} or less, not {value}",
        "minItems": lambda: "must name at least one",
        "uniqueItems": lambda: f"must not say a thing twice: {value}",
        "pattern": lambda: f"{value!r} must be made of a-z, 0-9 and single hyphens, as it becomes a folder's name",
    }
    return "", sayings.get(error.validator, lambda: error.message)()


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
    for key, group in SELECTIONS.items():
        for name in run[key]:
            if name not in config[group]:
                yield f"run.{key}: {name} is not defined under {group}; {mend(name, config[group])}"
    for name in sorted({*run["tasks"]} & {*run["calibration_tasks"]}):
        yield f"run.calibration_tasks: {name} is in run.tasks too; take it out of one of them"


def of_methods(config: dict) -> Iterator[str]:
    """The reserved name, and k above L."""
    rollouts = config["rollout"]["trajectories_per_scenario"]
    for name, method in config["methods"].items():
        if name == "base":
            yield "methods.base: the name is reserved for the policy before any training; choose another"
        if method["k"] > rollouts:
            yield (
                f"methods.{name}.k: {method['k']} is more than rollout.trajectories_per_scenario ({rollouts}); "
                "lower k or raise that"
            )


def _dotted(key: re.Match) -> str:
    """ "tasks: a: means: low: " as "tasks.a.means.low: "."""
    return ".".join(["tasks", *filter(None, key.groups())]) + ": "


def of_tasks(config: dict) -> Iterator[str]:
    """Tasks that cannot be, contexts that are not there or have too few arm names, and tasks that no model can play."""
    from rmft.core.information import knowable  # numpy, for the one who asks
    from rmft.core.tasks import task_from_config

    contexts = {path.stem: path for path in (WORKFLOW / "scenarios").glob("*.yaml")}
    for name, task in config["tasks"].items():
        try:
            task_from_config(name, task)
        except ValueError as error:
            yield re.sub(r"^tasks: ([\w-]+): (\w+): (?:(\w+): )?", _dotted, str(error))
            continue
        if task["context"] not in contexts:
            yield f"tasks.{name}.context: no {task['context']} in workflow/scenarios; {mend(task['context'], contexts)}"
            continue
        names = yaml.safe_load(contexts[task["context"]].read_text(encoding="utf-8"))["arm_names"]
        if task["arms"] > len(names):
            yield f"tasks.{name}.arms: context {task['context']} names {len(names)} arms, not {task['arms']}; lower it"
    for name in config["run"]["tasks"]:
        task = config["tasks"][name]
        if task["environment"] != "mab" or knowable(task_from_config(name, task)):
            yield (
                f"run.tasks: {name} is for baselines alone as yet: models play mab with gaussian or bernoulli rewards; "
                "move it to run.calibration_tasks"
            )


def of_models(config: dict) -> Iterator[str]:
    """A crowd that cannot play, and workers that cannot share a batch."""
    for name, model in config["models"].items():
        training = model["pretraining"]
        crowd = training["crowd"]
        if not sum(crowd["mixture"].values()) > 0:
            yield f"models.{name}.pretraining.crowd.mixture: all weights are 0; raise one"
        if crowd["horizon"] < crowd["arms"] + 2:
            yield f"models.{name}.pretraining.crowd.horizon: must be arms + 2 or more, not {crowd['horizon']}; raise it"
        if training["batch"] % training["workers"]:
            yield f"models.{name}.pretraining.batch: {training['batch']} does not divide by workers; make it a multiple"


@cache
def schema() -> dict:
    """The schema of the config."""
    return yaml.safe_load((WORKFLOW / "schemas/config.schema.yaml").read_text(encoding="utf-8"))


def complaint(config: dict) -> str | None:
    """The first thing wrong with the config, as one line, or None."""
    first = next(of_schema(config, schema()), None)
    return first or next((line for check in (of_run, of_methods, of_tasks, of_models) for line in check(config)), None)


def main(argv: list[str] | None = None) -> int:
    """Check config files, later ones laid over earlier ones. Exit status 1 and one line where they cannot run."""
    parser = argparse.ArgumentParser(prog="check_config", description=main.__doc__)
    parser.add_argument("files", nargs="+", type=Path, help="config files, later ones laid over earlier ones")
    config: dict = {}
    for path in parser.parse_args(argv).files:
        config = lay_over(config, yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    wrong = complaint(config)
    print(f"config: {wrong}" if wrong else "config: ok", file=sys.stderr if wrong else sys.stdout)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
