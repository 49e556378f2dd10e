"""What every stage has in common: a failure is one clear line and exit code 1; a traceback is a bug of ours."""

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from signal import SIGTERM, signal
from threading import current_thread, main_thread

from rmft.core.tasks import Task, task_from_config, under_suite


def _stop(signum: int, frame: object) -> None:
    """A cluster's way to end a job: go by way of every `finally`, so that nothing half-written and no lock stays."""
    raise SystemExit(128 + signum)


def run(parser: ArgumentParser, work: Callable[[Namespace], None], argv: Sequence[str] | None) -> int:
    """Parse the arguments and do the work; ValueError and OSError are the user's to mend and end in one line."""
    args = parser.parse_args(argv)
    if current_thread() is main_thread():
        signal(SIGTERM, _stop)
    try:
        work(args)
    except (ValueError, OSError) as error:
        said = str(error)
    except Exception as error:
        if not (said := _of_the_machine(error)):
            raise
    else:
        return 0
    print(f"{parser.prog}: {' '.join(said.split())}", file=sys.stderr)
    return 1


def _of_the_machine(error: Exception) -> str | None:
    """What to say where the machine has no room left, as torch and safetensors report it; None where that is not it. By
    name, as most stages import neither."""
    kind = type(error).__name__
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or "can't allocate memory" in str(error):
        return (
            f"out of memory ({error}); give the job more (resources.mem_mb of the model), or make its batches smaller"
        )
    return str(error) if kind == "SafetensorError" else None


def entry(text: str, flag: str, *keys: str) -> dict:
    """The JSON mapping of an argument. Raises ValueError, naming the flag, where it is none or lacks one of ``keys``."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{flag}: not JSON ({error})") from None
    if not isinstance(value, dict) or (missing := [key for key in keys if key not in value]):
        raise ValueError(f"{flag}: must be a mapping with {', '.join(missing if isinstance(value, dict) else keys)}")
    return value


def suites(task: str, changes: str | None) -> dict[str, str]:
    """The task's entry (JSON) under every suite: as it stands ("in-distribution"), then with each suite's changes.
    Raises ValueError, naming the flag, where they cannot be laid over it."""
    own = entry(task, "--task", "name")
    others = entry(changes, "--suites") if changes else {}
    try:
        changed = {name: json.dumps(under_suite(own, change)) for name, change in others.items()}
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"--suites: each must be a mapping of what it changes ({error!r})") from None
    return {"in-distribution": task} | changed


def task(text: str) -> Task:
    """The task of a ``--task`` argument: a config entry with its name beside it. Raises ValueError for none."""
    settings = entry(text, "--task", "name", "means", "rewards")
    try:
        return task_from_config(settings.pop("name"), settings)
    except TypeError as error:
        raise ValueError(f"--task: {error}") from None
