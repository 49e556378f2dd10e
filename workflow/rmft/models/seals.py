"""A seal on a file: a digest of its bytes and its place, kept by the file system beside its name (an extended attribute).

Nobody can see in a table that a line was cut off, that sixteen bytes changed, or that it was made for another cell; its seal
says so. It is no part of the file: bytes stay what they are, and no file is added. Where the file system keeps no such
attributes, or a copy has lost them, nothing is checked.
"""

import hashlib
import os
from contextlib import suppress
from pathlib import Path

NAME = "user.rmft.seal"


def _place(path: Path) -> str:
    """Where a file belongs: below the folder of cells all of its path, else its name and folder. Results may move."""
    parts = path.absolute().parts
    above = len(parts) - 1 - parts[::-1].index("cells") if "cells" in parts else len(parts) - 3
    return "/".join(parts[above + 1 :])


def _said(content: Path, path: Path) -> bytes:
    with content.open("rb") as stream:
        return f"{hashlib.file_digest(stream, 'sha256').hexdigest()} {_place(path)}".encode()


def seal(content: Path, path: Path) -> None:
    """Seal the file ``content``, which will be renamed to ``path``."""
    with suppress(AttributeError, OSError):  # no such attributes: on this system, on this file system
        os.setxattr(content, NAME, _said(content, path))


def check(path: Path) -> None:
    """Raises ValueError, naming the file and the mend, where it is not what was written there; never without a seal."""
    try:
        sealed = os.getxattr(path, NAME)
    except (AttributeError, OSError):
        return
    if sealed != _said(path, path):
        raise ValueError(
            f"{path}: is not what was written there (changed, cut off, or of another place); delete it and run the same "
            f"command again, or keep it as it is with: cp {path} new && mv new {path}"
        )
