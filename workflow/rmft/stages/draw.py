"""draw: one figure from the tables, as PDF and PNG, and the rows that it shows as CSV; the same tables give the same bytes.

The CSV holds lines of the tables as they stand there. Where a figure has several tables, their lines follow each other
under all their columns, and a first column ``table`` says whose a line is.
"""

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd
from matplotlib.figure import Figure

from rmft.figures import FIGURES, style
from rmft.stages import files, program
from rmft.stages.table_files import read_table


@dataclass(frozen=True)
class Drawing:
    """A figure by its name, and the tables that it is drawn from."""

    name: str
    folder: Path

    @cached_property
    def module(self) -> ModuleType:
        """What draws it: TABLES, ``rows`` and ``draw``."""
        module = import_module(f"rmft.figures.{self.name}")
        if lost := [part for part in ("TABLES", "rows", "draw") if not hasattr(module, part)]:
            raise ValueError(f"workflow/rmft/figures/{self.name}.py: has no {lost[0]}; write it, as its neighbours do")
        return module

    @cached_property
    def rows(self) -> tuple[pd.DataFrame, ...]:
        """The rows that it shows, table by table."""
        tables = [read_table(self.folder, table) for table in self.module.TABLES]
        with self._columns(tables):
            return self.module.rows(*tables)

    def figure(self) -> Figure:
        """Draw it from those rows alone."""
        style.apply()
        with self._columns(self.rows):
            return settled(self.module.draw(*self.rows))

    @contextmanager
    def _columns(self, tables: Sequence[pd.DataFrame]) -> Iterator[None]:
        """Raises ValueError, naming tables and column, where a column is asked for that none of them has."""
        try:
            yield
        except KeyError as error:
            if any(error.args[0] in table for table in tables):
                raise
            paths = ", ".join(str(self.folder / f"{table}.csv") for table in self.module.TABLES)
            raise ValueError(f"{paths}: lacks the column {error}; delete it and make the tables again") from None

    def data(self) -> str:
        """Those rows as CSV: line for line as the tables have them."""
        parts = [
            pd.read_csv(self.folder / f"{table}.csv", dtype=str, keep_default_na=False).loc[rows.index]
            for table, rows in zip(self.module.TABLES, self.rows, strict=True)
        ]
        if len(parts) > 1:
            named = zip(self.module.TABLES, parts, strict=True)
            parts = [part.assign(table=table)[["table", *part.columns]] for table, part in named]
        return pd.concat(parts).to_csv(index=False, lineterminator="\n")


def settled(figure: Figure) -> Figure:
    """The figure with its layout made once and for all: every pass moves it a little, and saving is a pass."""
    for _ in range(2):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def figure_of(name: str, folder: Path) -> Figure:
    """Draw a figure by its name from the tables in a folder."""
    return Drawing(name, folder).figure()


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all, without a trace of when and where."""
    drawn = io.BytesIO()  # not into the file: on a full disk what compresses it fails in its own way
    figure.savefig(drawn, format=path.suffix[1:], metadata=style.METADATA[path.suffix])
    with files.replacing(path) as temporary:
        temporary.write_bytes(drawn.getvalue())


def work(args: argparse.Namespace) -> None:
    """Draw the figure once and write it in every form asked for."""
    forms = [*style.METADATA, ".csv"]
    if odd := [path for path in args.output if path.suffix not in forms]:
        raise ValueError(f"--output: must end in {' or '.join(forms)}, not {odd[0]}")
    drawing = Drawing(args.figure, args.tables)
    figure = drawing.figure()
    for path in args.output:
        if path.suffix == ".csv":
            files.write_text(path, drawing.data())
        else:
            save(figure, path)


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="draw", description=__doc__.splitlines()[0])
    parser.add_argument("--figure", choices=FIGURES, required=True, help="which figure")
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the CSV files")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="the files to write: .pdf, .png, .csv")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
