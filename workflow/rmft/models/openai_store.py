"""What was asked for and bought, on disk before anything waits on it: nothing is paid for twice, whenever a job dies."""

import json
import os
from pathlib import Path

from rmft.models.openai_terms import hushed


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, on the disk itself when this returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(hushed(text))
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def recall(path: Path) -> dict:
    """What ``remember`` has stored; nothing where it has not. Raises ValueError, naming the file, where it is damaged."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise ValueError(
            f"{path}: cannot be read ({error}); it says what was paid for: mend it, or lose that"
        ) from None
    if not isinstance(found, dict):
        raise ValueError(f"{path}: holds no mapping; it says what was paid for: mend it, or lose that")
    return found


def remember(path: Path, **more: object) -> dict:
    """Store more values beside those that are there, and return all."""
    values = recall(path) | more
    write(path, json.dumps(values, indent=1) + "\n")
    return values


class Journal:
    """Replies by the key of their request, one line each, appended as they come."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.replies = {entry.pop("key"): entry for entry in self._whole_lines()}
        self._file = path.open("ab")

    def add(self, replies: dict[str, dict]) -> None:
        """Store replies that are not there yet."""
        new = {key: reply for key, reply in replies.items() if key not in self.replies}
        lines = "".join(json.dumps({"key": key, **reply}) + "\n" for key, reply in new.items())
        self._file.write(hushed(lines).encode())
        self._file.flush()
        os.fsync(self._file.fileno())
        self.replies |= new

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _whole_lines(self) -> list[dict]:
        """The entries; the beginning of a line that a crash cut off is taken away."""
        data = self.path.read_bytes() if self.path.exists() else b""
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            os.truncate(self.path, whole)
        try:
            return [json.loads(line) for line in data[:whole].splitlines()]
        except ValueError as error:
            raise ValueError(f"{self.path}: cannot be read ({error}); it holds replies that were paid for") from None
