"""The CSV tables as stages and figures read them back."""

from pathlib import Path

import pandas as pd

from rmft.models import seals

# What a row of a table is about.
CELL = ["model", "task", "kind", "method", "label", "seed", "iteration", "suite"]


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
