"""Which rows of the tables a figure shows: those that stand in the CSV beside it. Nothing is changed in them."""

import pandas as pd

from rmft.figures import style


def rivalled(table: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The policies of one kind ("policy" in words, "numeric" in numbers), and the baselines and oracles of their tasks."""
    own = table["kind"] == kind
    rivals = table["kind"].isin(["baseline", "oracle"]) & table["task"].isin(table.loc[own, "task"])
    return table[own | rivals]


def worded(table: pd.DataFrame) -> pd.DataFrame:
    """Policies in words with their baselines, on the tasks as they stand."""
    return rivalled(style.primary(table), "policy")


def numeric(table: pd.DataFrame) -> pd.DataFrame:
    """Policies in numbers with their baselines, on the tasks as they stand."""
    return rivalled(style.primary(table), "numeric")


def of_pairs(table: pd.DataFrame, pairs: list[style.Pair]) -> pd.DataFrame:
    """The rows of some (model, task) pairs."""
    return table[[pair in pairs for pair in zip(table["model"], table["task"], strict=True)]]


def ends(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last iteration that each method has on each task by each model."""
    trained = rows[rows["iteration"] > 0]
    return trained[trained["iteration"] == trained.groupby(["model", "task", "method"])["iteration"].transform("max")]
