"""A lock on a folder that several machines see: of two jobs on the same work, the second waits for the first.

A requeued cluster job may start while its ghost still runs on a node that was thought dead. Locks of the file system are
not to be had everywhere, so this one is a file: whoever creates it holds it, and touches it now and then. It is broken when
its holder has died on this machine, or has not touched it for long (by the waiting one's clock: no two clocks are compared).
"""

import json
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread
from uuid import uuid4

BEAT = 5.0  # seconds between touches
SILENT_BEATS = 12  # a holder that was silent for so many beats is dead


def _create(path: Path, said: str) -> bool:
    """Whether the lock is ours now."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("x", encoding="utf-8")
    except (FileExistsError, FileNotFoundError):  # held; or who held it has just removed the folder
        return False
    try:
        with file:
            file.write(said)
    except OSError:  # no space: a lock without a holder would keep the next job waiting
        path.unlink(missing_ok=True)
        raise
    return True


def _holder(path: Path) -> dict:
    """Who holds the lock; nothing where it is being written or gone."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _stamp(path: Path) -> tuple[int, int] | None:
    """Changes with every touch and every holder; None where there is no lock."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def _died_here(holder: dict) -> bool:
    """Whether the holder was a process of this machine, and is no more."""
    if holder.get("host") != socket.gethostname():
        return False
    try:
        os.kill(holder["pid"], 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def _await(path: Path, beat: float) -> None:
    """Wait until the lock is gone, and break it when its holder is."""
    seen, since = _stamp(path), time.monotonic()
    while (now := _stamp(path)) is not None:
        if now != seen:
            seen, since = now, time.monotonic()
        elif _died_here(_holder(path)) or time.monotonic() - since > SILENT_BEATS * beat:
            broken = path.with_name(f".{path.name}.{uuid4().hex}")
            with suppress(FileNotFoundError):  # another one that waits was faster
                path.rename(broken)
                if _stamp(broken) != now:  # and has locked it already: give it back
                    with suppress(FileExistsError):
                        os.link(broken, path)
                broken.unlink()
            return
        time.sleep(beat / 10)


@contextmanager
def held(path: Path, *, beat: float = BEAT) -> Iterator[tuple[bool, Callable[[], None]]]:
    """Hold the lock ``path``, whose folder is made where it is missing. Gives whether another one was waited for, and a
    check to call before anything is written: it raises ValueError where the lock was lost. ``beat`` is in seconds."""
    job = os.environ.get("SLURM_JOB_ID")
    own = {"host": socket.gethostname(), "pid": os.getpid(), "job": job, "token": uuid4().hex}
    waited, stop = False, Event()

    def check() -> None:
        if _holder(path) != own:
            raise ValueError(f"{path}: taken over by another job, as this one was silent too long; it stops here")

    def touch() -> None:
        while not stop.wait(beat):
            if _holder(path) == own:
                with suppress(FileNotFoundError):
                    os.utime(path)

    while not _create(path, json.dumps(own)):
        if not waited and (who := _holder(path)) and not _died_here(who):
            waited = True
            print(
                f"waiting for {path}: held by job {who['job']}, process {who['pid']} on {who['host']}", file=sys.stderr
            )
        _await(path, beat)
    Thread(target=touch, daemon=True).start()
    try:
        yield waited, check
    finally:
        stop.set()
        if _holder(path) == own:
            path.unlink(missing_ok=True)
