"""Refuse a config that cannot run, by one line that names the key and the mend, before the first job.

    python -m rmft.stages.check_config config.yaml config.laptop.yaml

The Snakefile calls ``complaint`` at every parse: nothing heavier than numpy is imported here.
"""

import argparse
import sys
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path

from rmft.core.contexts import context_from_config
from rmft.core.information import knowable
from rmft.core.policies import policy_from_config
from rmft.core.tasks import task_from_config, under_suite
from rmft.core.tuning import candidates
from rmft.stages import check_models
from rmft.stages.config_files import read_configs
from rmft.stages.grid import runs
from rmft.stages.refusals import of_schema
from rmft.stages.schema import mend, of_code, read_schema

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


def refuse(wrong: str | None) -> None:
    """End the program by one line where something is wrong with the config."""
    if wrong:
        sys.exit(f"config: {wrong}")


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
            mended = "take it out" if "window" in method else "add it"
            yield f"methods.{name}.window: belongs to the score rolling_regret, and to no other; {mended}"
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
def arms_named(context: Path) -> int:
    """How many arms a context has names for. Raises ValueError, naming file and key, for wording that cannot be."""
    entry = check_models.wording(context)
    names = entry.get("arm_names") if isinstance(entry, dict) else None
    named = len(names) if isinstance(names, list) else 1
    context_from_config(entry, arms=named, name=str(context.relative_to(WORKFLOW.parent)))
    return named


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
        try:
            named = arms_named(contexts[entry["context"]])
        except ValueError as error:
            yield f"{key}.context: {error}"
            continue
        if entry["arms"] > named:
            yield f"{key}.arms: context {entry['context']} names {named} arms, not {entry['arms']}; lower it"


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
    first = next(chain(of_code(), of_schema(config, read_schema())), None)
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
