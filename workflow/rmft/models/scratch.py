"""Folders that jobs of one machine share for a while: made once, whole or not at all, gone when nobody uses them."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


def root() -> Path:
    """Where they stand: the machine's own disk (TMPDIR), of this user alone."""
    folder = Path(tempfile.gettempdir()) / f"rmft-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


@contextmanager
def shared(name: str, make: Callable[[Path], None]) -> Iterator[Path]:
    """The folder of this name, which ``make`` fills where it is missing; ``name`` stands for all that is in it.

    Who uses it holds a lock that the system takes back when a process is killed. The last one removes it; what a killed one
    left behind is removed by the next that comes, whatever it comes for.
    """
    folder = root() / name
    _sweep(folder)
    while True:
        with folder.with_suffix(".lock").open("a", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH)
            if _is_ours(lock) and folder.exists():
                try:
                    yield folder
                finally:
                    _remove(folder, lock)
                return
            fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_ours(lock) and not folder.exists():
                with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f"{name}.", suffix=".part") as part:
                    make(Path(part) / "whole")
                    (Path(part) / "whole").rename(folder)


def _is_ours(lock: TextIO) -> bool:
    """Whether the lock is that of the folder still: its last user removes it."""
    return os.fstat(lock.fileno()).st_nlink > 0


def _remove(folder: Path, lock: TextIO) -> None:
    """Remove the folder, and what was left of making it, unless somebody else holds its lock."""
    with suppress(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for path in [folder, *folder.parent.glob(f"{folder.name}.*.part")]:
            shutil.rmtree(path, ignore_errors=True)
        Path(lock.name).unlink(missing_ok=True)


def _sweep(own: Path) -> None:
    """Remove the others that nobody uses."""
    for path in own.parent.glob("*.lock"):
        if path != own.with_suffix(".lock"):
            with suppress(FileNotFoundError), path.open("r+", encoding="utf-8") as lock:
                _remove(path.with_suffix(""), lock)
