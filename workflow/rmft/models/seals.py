"""A seal on a file: a digest of its bytes and its place, kept by the file system beside its name (an extended attribute).

Nobody can see in a table that a line was cut off, that sixteen bytes changed, or that it was made for another cell; its seal
says so. It is no part of the file, whose bytes stay what they are. Where the file system keeps no such attributes, or a copy
has lost them, SHA256SUMS in the file's folder says the same of the files that it lists.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

NAME = "user.rmft.seal"
SUMS = "SHA256SUMS"


def _place(path: Path) -> str:
    """Where a file belongs: below the folder of cells all of its path, else its name and folder. Results may move."""
    parts = path.absolute().parts
    above = len(parts) - 1 - parts[::-1].index("cells") if "cells" in parts else len(parts) - 3
    return "/".join(parts[above + 1 :])


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _said(content: Path, path: Path) -> bytes:
    """The seal of a file with this content at ``path``."""
    return f"{_digest(content)} {_place(path)}".encode()


def seal(content: Path, path: Path) -> None:
    """Seal the file ``content``, which will be renamed to ``path``."""
    with suppress(AttributeError, OSError):  # no such attributes: on this system, on this file system
        os.setxattr(content, NAME, _said(content, path))


def _seal_of(path: Path) -> bytes | None:
    """What a file is sealed with; None where it is not, or nothing can be."""
    try:
        return os.getxattr(path, NAME)
    except (AttributeError, OSError):
        return None


def sums(paths: list[Path]) -> str:
    """The text of SHA256SUMS for files of one folder, as ``sha256sum`` writes it."""
    return "".join(f"{_digest(path)}  {path.name}\n" for path in sorted(paths))


def _listed(path: Path) -> str | None:
    """The digest that SHA256SUMS has of a file; None where there is none. Raises ValueError where it is no such list."""
    listing = path.with_name(SUMS)
    try:
        lines = [line.split("  ", 1) for line in listing.read_text(encoding="utf-8").splitlines()]
        return {name: digest for digest, name in lines}.get(path.name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        raise ValueError(f"{listing}: is no list of sha256sum; delete it, or make the tables again") from None


def check(path: Path) -> None:
    """Raises ValueError, naming the file and the mend, where it is not what was written there; never where nothing tells
    what that was."""
    if not path.is_file():
        return
    if (sealed := _seal_of(path)) is not None:
        changed = sealed != _said(path, path)
    else:
        changed = (listed := _listed(path)) is not None and listed != _digest(path)
    if changed:
        keep = f"cp {path} new && mv new {path}" + f" && rm {path.with_name(SUMS)}" * (_listed(path) is not None)
        raise ValueError(
            f"{path}: is not what was written there (changed, cut off, or of another place); delete it and run the same "
            f"command again, or keep it as it is with: {keep}"
        )
