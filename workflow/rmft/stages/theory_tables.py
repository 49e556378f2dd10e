"""Put the tables of theory cells together: the rows of each name, cell after cell, in the order of the experiment."""

import csv
import math
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rmft.stages import program, theory
from rmft.stages.table_columns import THEORY, WORDS
from rmft.stages.table_files import broken, text_of


def rows_of(path: Path) -> list[dict]:
    """The rows of a part, as text. Raises ValueError, naming the file, its row, and the mend, where it is no such table."""
    if path.stem not in THEORY:
        raise ValueError(f"{path}: is no part; must be one of {', '.join(THEORY)}, as CSV")
    keys, values = THEORY[path.stem]
    try:
        header, *rows = csv.reader(text_of(path).splitlines())
    except csv.Error as error:
        raise broken(path, f"cannot be read ({error})") from None
    if odd := next((name for name in (*keys, *values) if name not in header), None):
        raise broken(path, f"lacks the column {odd}")
    if not rows:
        raise broken(path, "holds no row")
    seen = set()
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise broken(path, f"row {number}: has {len(row)} cells, not {len(header)}")
        named = dict(zip(header, row, strict=True))
        if odd := next((name for name in header if not _said(name, named[name])), None):
            raise broken(path, f"row {number}, column {odd}: is {named[odd]!r}")
        if (key := tuple(named[name] for name in keys)) in seen:
            raise broken(path, f"row {number}: {', '.join(key)} stands twice")
        seen.add(key)
    return [{name: row[header.index(name)] for name in (*keys, *values)} for row in rows]


def _said(name: str, text: str) -> bool:
    """Whether this can stand in a column: a finite number, or a word where those stand. Seeds are numbers, or none."""
    if name in WORDS and name != "seed":
        return bool(text)
    try:
        return (name == "seed" and text == "none") or math.isfinite(float(text))
    except ValueError:
        return False


def work(args: Namespace) -> None:
    """Read all parts and write a table for each name among them."""
    tables: dict[str, list[dict]] = {}
    for path in args.parts:
        tables.setdefault(path.stem, []).extend(rows_of(path))
    theory.write_csvs(args.output, tables)


def main(argv: Sequence[str] | None = None) -> int:
    """The program."""
    parser = ArgumentParser("theory_tables", description=__doc__)
    parser.add_argument("--parts", type=Path, nargs="+", required=True, help="CSV files of the cells")
    parser.add_argument(
        "--output", type=Path, nargs="+", required=True, help="CSV files, one for each name among the parts"
    )
    return program.run(parser, work, argv)


if __name__ == "__main__":
    raise SystemExit(main())
