"""The CSV tables as stages and figures read them back."""

import io
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from rmft.models import seals
from rmft.stages import files
from rmft.stages.files import broken, present
from rmft.stages.table_columns import BOOLS, COLUMNS, KEYS, OF_POLICIES, ROW, THEORY, WORDS


def text_of(path: Path) -> str:
    """The text of a file of lines. Raises ValueError, naming the file and the mend, where it is missing or does not end with
    a whole line: a table that was cut off is else a shorter one."""
    seals.check(present(path))
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise broken(path, f"cannot be read ({error})") from None
    if not text.endswith("\n"):
        raise broken(path, "ends within a line" if text else "is empty")
    return text


def read_csv(path: Path, **how: object) -> pd.DataFrame:
    """A CSV file. Raises ValueError, naming the file and the mend, where it cannot be read."""
    text = text_of(path)
    try:
        table = pd.read_csv(io.StringIO(text), **how)
    except (ValueError, TypeError, OverflowError) as error:
        raise broken(path, f"cannot be read ({error})") from None
    if not isinstance(table.index, pd.RangeIndex):  # pandas takes what is too long for a column of names
        raise broken(path, "its rows are longer than its head")
    return table


def read_table(folder: Path, name: str) -> pd.DataFrame:
    """One of the CSV tables. Raises ValueError, naming the file, row and column, and the mend, where it cannot be read,
    lacks a column, or holds a word or an infinity for a number."""
    path = folder / f"{name}.csv"
    table = read_csv(path, dtype=dict.fromkeys(WORDS - BOOLS, str) | {"iteration": "Int64"})
    check(table, path)
    table.attrs["path"] = str(path)
    return table


def path_of(table: pd.DataFrame, name: str) -> str:
    """The file that a table was read from, or the name of one that was made otherwise."""
    return table.attrs.get("path", f"{name}.csv")


def check(table: pd.DataFrame, path: Path) -> None:
    """Raises ValueError, naming row and column, where a table lacks a column, has a row twice, or holds something else than
    its columns do."""
    name = path.stem
    if odd := next((column for column in COLUMNS.get(name, ()) if column not in table), None):
        raise broken(path, f"lacks the column {odd}")
    if name in KEYS and (twice := table.duplicated(KEYS[name])).any():
        raise broken(path, f"row {twice.idxmax()} stands twice, by {', '.join(KEYS[name])}")
    if name in COLUMNS:
        _check_words(table, path)
    check_numbers(table, path, declared=name in COLUMNS, complete=name in THEORY)


def _check_words(table: pd.DataFrame, path: Path) -> None:
    """Raises ValueError where no seed stands, no iteration in a table of policies alone, or no word in a complete table."""
    seeds = r"\d+|none" if path.stem in THEORY else r"\d+|all|none"  # the theorem's are never pooled
    odd = ~table["seed"].str.fullmatch(seeds).fillna(False).astype(bool)
    if odd.any():
        raise broken(path, f"row {odd.idxmax()}, column seed: {table['seed'][odd.idxmax()]!r} is no seed")
    filled = table.columns.intersection(WORDS) if path.stem in THEORY else ["iteration"] * (path.stem in OF_POLICIES)
    for name in filled:
        if (nothing := table[name].isna() | (table[name] == "")).any():
            raise broken(path, f"row {nothing.idxmax()}, column {name}: holds nothing")


def check_numbers(table: pd.DataFrame, path: Path, *, declared: bool, complete: bool) -> None:
    """Raises ValueError, naming row and column, where what is no finite number stands in a column of numbers. ``declared``:
    those are all columns but WORDS; else those in which most are numbers. ``complete``: none may be missing."""
    for name in table.columns.difference(WORDS, sort=False):
        values = table[name] if complete else table[name].dropna()
        try:
            numbers = pd.to_numeric(values, errors="coerce").astype(float)
        except OverflowError as error:
            raise broken(path, f"column {name}: {error}") from None
        odd = ~np.isfinite(numbers)
        if odd.any() and (declared or numbers.notna().mean() > 0.5):
            raise broken(path, f"row {odd.idxmax()}, column {name}: {values[odd.idxmax()]!r} is no finite number")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a CSV table, numbers with eight digits."""
    files.write_text(path, table.to_csv(index=False, float_format="%.8g", lineterminator="\n"))


def of_seeds(rows: pd.DataFrame, row: Mapping[str, object]) -> pd.Series:
    """Which of ``rows`` a row stands for: itself or, where it pools all seeds of a run, those of the single ones."""
    same = [key for key in ROW if key not in ("seed", "label")]
    seeds = rows["seed"] != "all" if row["seed"] == "all" else rows["seed"] == row["seed"]
    return (rows[same] == [row[key] for key in same]).all(axis=1) & seeds
