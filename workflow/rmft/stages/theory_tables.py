"""Put the tables of theory cells together: the rows of each name, cell after cell, in the order of the experiment."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from rmft.stages import program, theory
from rmft.stages.files import broken
from rmft.stages.table_columns import COLUMNS, THEORY
from rmft.stages.table_files import check, read_csv


def rows_of(path: Path) -> list[dict]:
    """The rows of a part, as text. Raises ValueError, naming the file, its row, and the mend, where it is no such table."""
    if path.stem not in THEORY:
        raise ValueError(f"{path}: is no part; must be one of {', '.join(THEORY)}, as CSV")
    table = read_csv(path, dtype=str, keep_default_na=False)
    check(table, path)
    if table.empty:
        raise broken(path, "holds no row")
    return table[COLUMNS[path.stem]].to_dict("records")


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
