"""The way of gradient descent to the closed form."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("theorem_training",)
GRID = ["s", "covariance", "seed"]
LIMIT = 0.02


def rows(theorem_training: pd.DataFrame) -> tuple[pd.DataFrame]:
    """All of them."""
    return (theorem_training,)


def draw(theorem_training: pd.DataFrame) -> Figure:
    """From theorem_training.csv: a panel for each space and T, a colour for each d, a line for each run."""
    spaces, horizons = style.unique(theorem_training["space"]), sorted(theorem_training["T"].unique())
    if not spaces:
        return style.empty("No training of the theorem in the tables: nothing to draw.")
    tones = style.colours(sorted(theorem_training["d"].unique()))
    figure = Figure(figsize=(style.WIDTH, 2.5 * len(spaces) + 0.2), layout="constrained")
    grid = figure.subplots(len(spaces), len(horizons), sharex=True, sharey=True, squeeze=False)
    for axes, space in zip(grid, spaces, strict=True):
        for axis, T in zip(axes, horizons, strict=True):
            here = theorem_training[(theorem_training["space"] == space) & (theorem_training["T"] == T)]
            _panel(axis, here, tones)
            axis.set_title(f"{space}, T = {T}")
            axis.set_xlabel("steps of gradient descent")
        axes[0].set_ylabel("relative error of the read-out\n(Frobenius, whole matrix)")
    grid[0, -1].legend(loc="upper right")
    runs = theorem_training.groupby(["space", "d", "T", *GRID]).ngroups
    note = f"{runs} runs, one thin line each; thick: their mean for each d. From half of the steps on, weights are averaged."
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, tones: dict) -> None:
    """Error against steps, both logarithmic."""
    for d, tone in tones.items():
        lines = rows[rows["d"] == d]
        for _, line in lines.groupby(GRID, sort=False):
            axis.plot(line["step"], line["relative_error"], color=tone, lw=0.5, alpha=0.35)
        mean = lines.groupby("step")["relative_error"].mean()
        axis.plot(mean.index, mean, color=tone, label=f"d = {d}")
    axis.axhline(LIMIT, color=style.GREY, ls=":", lw=1.0)
    axis.annotate("2%", (1, LIMIT), xytext=(2, 2), textcoords="offset points", fontsize=7, color=style.GREY)
    axis.set_xscale("log")
    axis.set_yscale("log")
