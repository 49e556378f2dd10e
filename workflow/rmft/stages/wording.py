"""The wording of a task, for the stages that speak; the others do not depend on it."""

from pathlib import Path

from rmft.core.contexts import context_from_config
from rmft.core.prompts import Context
from rmft.core.tasks import Task
from rmft.stages.yaml_files import read_yaml


def read_context(folder: Path, task: Task) -> Context:
    """The wording of a task. Raises ValueError, naming file and key, where it cannot be."""
    path = folder / f"{task.context}.yaml"
    how = {key: getattr(task, key) for key in ("environment", "interaction", "output", "reasoning", "shown")}
    return context_from_config(read_yaml(path), arms=task.arms, name=str(path), **how)
