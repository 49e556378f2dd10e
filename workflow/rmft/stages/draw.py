"""draw: one figure from the tables, as PDF and PNG; the same tables give the same bytes."""

import argparse
import sys
from importlib import import_module
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from rmft.figures import FIGURES, style
from rmft.stages import files, program


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One of the CSV tables. Raises ValueError, naming the file and the mend, where it cannot be read."""
    path = folder / f"{name}.csv"
    try:
        return pd.read_csv(path, dtype={"seed": str, "iteration": "Int64"})
    except FileNotFoundError:
        raise ValueError(f"{path}: is missing; make it with: snakemake {path}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); delete it and make the tables again") from None


def figure_of(name: str, folder: Path) -> Figure:
    """Draw a figure by its name from the tables in a folder."""
    module = import_module(f"rmft.figures.{name}")
    style.apply()
    return module.draw(*(read_table(folder, table) for table in module.TABLES))


def save(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all, without a trace of when and where."""
    with files.replacing(path) as temporary:
        figure.savefig(temporary, format=path.suffix[1:], metadata=style.METADATA[path.suffix])


def work(args: argparse.Namespace) -> None:
    """Draw the figure once and write it in every form asked for."""
    if odd := [path for path in args.output if path.suffix not in style.METADATA]:
        raise ValueError(f"--output: must end in {' or '.join(style.METADATA)}, not {odd[0]}")
    figure = figure_of(args.figure, args.tables)
    for path in args.output:
        save(figure, path)


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="draw", description=__doc__)
    parser.add_argument("--figure", choices=FIGURES, required=True, help="which figure")
    parser.add_argument("--tables", type=Path, required=True, help="the folder of the CSV files")
    parser.add_argument("--output", type=Path, nargs="+", required=True, help="the files to write, .pdf or .png")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
