"""What a config file defines and nothing selects: an entry that was added and that the run would leave out."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from rmft.stages.config_files import read_config, read_configs

GROUPS = ("models", "tasks", "methods", "baselines", "suites")


def _selected(part: dict, group: str) -> Iterator[str]:
    """What the lists of a group name in ``run``, or in a part of it."""
    for key, value in part.items():
        if key in (group, f"calibration_{group}"):
            yield from chain.from_iterable(value.values()) if isinstance(value, dict) else value
        elif isinstance(value, dict):
            yield from _selected(value, group)


def unselected(config: dict, files: Iterable[str | Path]) -> Iterator[str]:
    """A line for each entry that is new in ``files`` (laid over config.yaml) and that ``run`` does not select.

    A baseline may also be the teacher of a method.
    """
    if not (own := read_configs(map(Path, files))):
        return
    known = read_config(Path("config.yaml"))
    teachers = {entry.get("teacher") for entry in config["methods"].values()}
    for group in GROUPS:
        needed = {*_selected(config["run"], group)} | (teachers if group == "baselines" else set())
        for name in own.get(group, {}):
            if name not in {*known[group]} | needed:
                yield f"{group}.{name}: is defined, and run does not select it; name it in {_where(config, group, name)}"


def _where(config: dict, group: str, name: str) -> str:
    """The list that selects an entry of a group."""
    if group == "suites":
        return "run.suites, beside a task"
    numeric = group == "models" and config["models"][name]["kind"] == "numeric"
    return f"run.{'numbers.' * numeric}{group}"
