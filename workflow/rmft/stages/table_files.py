"""The CSV tables as stages and figures read them back."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from rmft.models import seals
from rmft.stages import files

# A cell, and what a row of a table is about.
CELL = ["model", "task", "method", "seed", "iteration"]
ROW = ["model", "task", "kind", "method", "label", "seed", "iteration", "suite"]


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One of the CSV tables. Raises ValueError, naming the file and the mend, where it cannot be read."""
    path = folder / f"{name}.csv"
    seals.check(path)
    try:
        return pd.read_csv(path, dtype={"model": str, "seed": str, "iteration": "Int64"})
    except FileNotFoundError:
        raise ValueError(f"{path}: is missing; make it with: snakemake {path}") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: cannot be read ({error}); delete it and make the tables again") from None


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV table, numbers with eight digits."""
    files.write_text(path, table.to_csv(index=False, float_format="%.8g", lineterminator="\n"))


def of_seeds(rows: pd.DataFrame, row: Mapping[str, object]) -> pd.Series:
    """Which of ``rows`` a row stands for: itself or, where it pools all seeds of a run, those of the single ones."""
    same = [key for key in ROW if key not in ("seed", "label")]
    seeds = rows["seed"] != "all" if row["seed"] == "all" else rows["seed"] == row["seed"]
    return (rows[same] == [row[key] for key in same]).all(axis=1) & seeds
