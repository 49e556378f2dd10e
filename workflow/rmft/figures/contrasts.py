"""Dialogue against summary, action against distribution: tasks that differ in nothing but how they are told (claim C8)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import style

TABLES = ("summary",)


def rows(summary: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Policies, seeds pooled, on tasks that some other task of the same model is alike to."""
    own = style.policies(style.primary(summary))
    own = own[own["seed"] == "all"]
    return (own[own.groupby(["model", "alike"])["task"].transform("nunique") > 1],)


def draw(summary: pd.DataFrame) -> Figure:
    """From summary.csv: a band for each model and group of tasks that are alike."""
    own = style.policies(style.primary(summary))
    own = own[own["seed"] == "all"]
    tones = style.colours(style.unique(own["method"]))
    groups = own.assign(task=own["alike"])
    pairs = [pair for pair in style.pairs(groups) if own.loc[_of(own, pair), "task"].nunique() > 1]
    if not pairs:
        return style.empty("No two tasks in the tables differ in nothing but how they are told: nothing to draw.")
    note = (
        "Pooled over seeds; bars: 95% intervals. Every task draws scenarios of its own, so the differences are unpaired: "
        "intervals by Zou and Donner (2008)."
    )

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _compare(band, own[_of(own, pair)], tones)

    return style.stacked(pairs, lambda pair: 1.25 + 0.6 * own.loc[_of(own, pair), "task"].nunique(), panel, note)


def unpaired(of: pd.Series, less: pd.Series) -> tuple[float, float, float]:
    """(difference, low, high) of the mean regrets of two rows on independent episodes.

    From the two 95% intervals (Zou and Donner 2008, Statistics in Medicine 27): each side adds in squares.
    """
    value = of["regret"] - less["regret"]
    low = np.hypot(of["regret"] - of["regret_low"], less["regret_high"] - less["regret"])
    high = np.hypot(of["regret_high"] - of["regret"], less["regret"] - less["regret_low"])
    return value, value - low, value + high


def shared(rows: pd.DataFrame) -> dict[str, int]:
    """The methods that trained two tasks or more, the first among them, and the latest iteration that each of these has."""
    ends = rows[rows["iteration"] > 0].groupby(["method", "task"], sort=False)["iteration"].max()
    tasks, first = ends.groupby("method", sort=False), rows["task"].iloc[0]
    return {method: int(of.min()) for method, of in tasks if len(of) > 1 and (method, first) in ends.index}


def _of(own: pd.DataFrame, pair: style.Pair) -> pd.Series:
    """Which rows belong to a model and a group of tasks."""
    return (own["model"] == pair[0]) & (own["alike"] == pair[1])


def _compare(band: SubFigure, rows: pd.DataFrame, tones: dict[str, str]) -> None:
    """Left: regret of base policy and trained ones on each task. Right: how far each task is from the first."""
    left, right = band.subplots(1, 2, sharey=True)
    tasks, first, until = style.unique(rows["task"]), rows["task"].iloc[0], shared(rows)
    base = ("base policy (iteration 0)", style.unique(rows["method"])[0], 0, style.INK)
    trained = [
        (f"{rows.loc[rows['method'] == m, 'label'].iloc[0]}, iteration {t}", m, t, tones[m]) for m, t in until.items()
    ]
    marks = style.markers(tones)
    for i, (name, method, iteration, colour) in enumerate([base, *trained]):
        marker, shift = marks[method] if iteration else "*", 0.7 * ((i + 0.5) / (len(trained) + 1) - 0.5)
        found = {task: _row(rows, task, method, iteration) for task in tasks}
        for y, task in enumerate(tasks):
            if found[task] is None:
                continue
            row = found[task]
            bars = row["regret"], row["regret_low"], row["regret_high"]
            _dot(left, bars, y + shift, colour, marker, name)
            if task != first and found[first] is not None:
                _dot(right, unpaired(row, found[first]), y + shift, colour, marker, name)
    talks = rows.drop_duplicates("task").set_index("task")["talk"]
    left.set_yticks(range(len(tasks)), [f"{task}\n{talks[task]}" for task in tasks])
    left.set_ylim(len(tasks) - 0.5, -0.5)
    left.set_xlim(left=min(0, left.get_xlim()[0]) if rows["regret_low"].min() < 0 else 0)
    left.set_xlabel(f"{style.measure(rows)} at T, mean (units of reward)")
    right.axvline(0, color=style.GREY, lw=0.9)
    right.set_xlabel(f"less that of {first}   (right of 0: worse than it)")
    handles, labels = left.get_legend_handles_labels()
    known = dict(zip(labels, handles, strict=True))
    band.legend(list(known.values()), list(known), loc="outside lower center", ncols=2)


def _row(rows: pd.DataFrame, task: str, method: str, iteration: int) -> pd.Series | None:
    """A policy's row; any method's where it is the base policy, which all share."""
    here = rows[(rows["task"] == task) & (rows["iteration"] == iteration)]
    here = here[here["method"] == method] if iteration else here
    return None if here.empty else here.iloc[0]


def _dot(axis: Axes, bars: tuple[float, float, float], y: float, colour: str, marker: str, label: str) -> None:
    """A value with its interval."""
    axis.hlines(y, *bars[1:], color=colour, lw=1.3)
    axis.plot(bars[0], y, marker=marker, ms=4.5, color=colour, ls="", label=label)
