"""Put the tables of theory cells together: the rows of each name, cell after cell, in the order of the experiment."""

import csv
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rmft.models import seals
from rmft.stages import files, program


def rows_of(path: Path) -> list[dict]:
    """The rows of a CSV file, as text. Raises ValueError, naming the file and the mend, where it holds none."""
    seals.check(path)
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: cannot be read ({error}); delete it and run the same command again") from None
    if not rows or any(None in row or None in row.values() for row in rows):
        raise ValueError(f"{path}: holds no whole table; delete it and run the same command again to have it made anew")
    return rows


def work(args: Namespace) -> None:
    """Read all parts and write a table for each name among them. Raises ValueError where columns of one name differ."""
    tables: dict[str, list[dict]] = {}
    for path in args.parts:
        rows = rows_of(path)
        table = tables.setdefault(path.stem, [])
        if table and table[0].keys() != rows[0].keys():
            raise ValueError(f"{path}: its columns are not those of the other parts; delete it to have it made anew")
        table += rows
    files.write_csvs(args.output, tables)


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
