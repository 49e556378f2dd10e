"""What the programs about the theorem have in common."""

import csv
import io
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path

from rmft.core.theorem import SPACES
from rmft.models import seals
from rmft.stages import files


def write_csvs(paths: list[Path], tables: dict[str, list[dict]]) -> None:
    """Write rows as CSV files, each table into the path of its name, whole or not at all. Raises ValueError where a table
    has no path or a path no table."""
    if sorted(path.name for path in paths) != sorted(f"{name}.csv" for name in tables):
        raise ValueError(f"--output: must be the files {', '.join(f'{name}.csv' for name in tables)}")
    for path in paths:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, tables[path.stem][0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(tables[path.stem])
        files.write_text(path, text.getvalue())


def write_parts(paths: list[Path], tables: dict[str, list[dict]]) -> None:
    """Write the tables of a cell into its folder, and SHA256SUMS: what was cut off after a line is else a table too."""
    write_csvs(paths, tables)
    files.write_text(paths[0].with_name(seals.SUMS), seals.sums(paths))


def parser(name: str, doc: str | None, grid: str, tables: Sequence[str]) -> ArgumentParser:
    """The flags of all of them; ``grid`` says which part of the config the grid is."""
    flags = ArgumentParser(name, description=doc)
    flags.add_argument("--space", choices=SPACES, required=True, help="where policies live")
    flags.add_argument("--grid", required=True, help=f"the config's {grid}; JSON")
    flags.add_argument("--threads", type=int, default=1, help="threads of torch")
    named = f"CSV files: {', '.join(tables)}, each by name"
    flags.add_argument("--output", type=Path, nargs="+", required=True, help=named)
    return flags
