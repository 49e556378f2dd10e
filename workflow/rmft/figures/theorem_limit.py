"""Does selection from L trajectories lead to the closed form as L grows?"""

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("theorem_limit",)
VALUES = {
    "relative_error": "relative error of the read-out",
    "eta_ratio": "share of the closed form's step\n(1: the same length)",
}
NOISES = {"trajectory": "noise by trajectory", "step": "noise by step"}


def rows(theorem_limit: pd.DataFrame) -> tuple[pd.DataFrame]:
    """All of them."""
    return (theorem_limit,)


def draw(theorem_limit: pd.DataFrame) -> Figure:
    """From theorem_limit.csv: error above, length beneath, a column for each space."""
    if theorem_limit.empty:
        return style.empty("No selections from L trajectories in the tables: nothing to draw.")
    kinds = list(dict.fromkeys(zip(theorem_limit["noise"], theorem_limit["exponent"], strict=True)))
    tones = style.colours(kinds)
    figure, grid = style.by_space(theorem_limit, VALUES, 5.0, partial(_panel, tones=tones))
    grid[0, 0].set_yscale("log")
    for axis in grid[-1]:
        axis.set_xlabel("L: trajectories of a scenario")
    grid[-1, 0].legend(loc="center right")
    first, seeds = theorem_limit.iloc[0], theorem_limit["seed"].nunique()
    note = f"d = {first['d']}, T = {first['T']}; {seeds} seed{'s' * (seeds != 1)}, a mark each; lines: their means."
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, value: str, tones: dict) -> None:
    """A line for each noise and k."""
    for ((noise, exponent), tone), marker in zip(tones.items(), style.MARKERS, strict=False):
        here = rows[(rows["noise"] == noise) & (rows["exponent"] == exponent)]
        mean = here.groupby("L")[value].mean()
        k = "k = 1" if exponent == 0 else f"k = L^{exponent:g}"
        axis.plot(
            mean.index, mean, color=tone, ls="-" if noise == "trajectory" else "--", label=f"{NOISES[noise]}, {k}"
        )
        axis.plot(here["L"], here[value], color=tone, ls="none", marker=marker, ms=2.5, alpha=0.7)
    axis.set_xscale("log", base=2)
