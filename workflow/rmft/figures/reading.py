"""Can the model read its history? Told to exploit, how often does it name the best arm, before any RMFT."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("reading",)
SHARES = {
    "best_empirical": "the arm with the best average so far",
    "best_true": "the arm with the best hidden mean",
}
TOLD = {"exploit": ("told to exploit", style.OKABE_ITO[1], "o"), "nothing": ("told nothing", style.OKABE_ITO[0], "s")}


def rows(reading: pd.DataFrame) -> tuple[pd.DataFrame]:
    """All of them."""
    return (reading,)


def draw(reading: pd.DataFrame) -> Figure:
    """From reading.csv."""
    pairs = style.pairs(reading)
    if not pairs:
        return style.empty("No model of the selection was read: nothing to draw.")
    figure = Figure(figsize=(style.WIDTH, 2.8 * len(pairs) + 0.2), layout="constrained")
    grid = figure.subplots(len(pairs), 2, sharey=True, squeeze=False)
    for axes, pair in zip(grid, pairs, strict=True):
        for axis, (share, title) in zip(axes, SHARES.items(), strict=True):
            _panel(axis, style.of_pair(reading, pair), share)
            axis.set_title(f"Chooses {title}")
        axes[0].set_ylabel(f"share of histories\n({pair[1]}, model {pair[0]})")
        axes[0].legend(loc="lower right")
    size = "/".join(f"{int(n):,}" for n in sorted(reading["n"].unique()))
    figure.supxlabel(f"{size} histories per point; bars: 95% Wilson intervals.", fontsize=7, color=style.GREY)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, share: str) -> None:
    """One line for each thing that the model was told, and chance beneath."""
    for told, line in rows.groupby("told", sort=False):
        name, colour, marker = TOLD.get(told, (told, style.GREY, "D"))
        axis.plot(line["steps_seen"], line[share], color=colour, marker=marker, ms=4, label=name)
        axis.vlines(line["steps_seen"], line[f"{share}_low"], line[f"{share}_high"], color=colour, lw=1.1)
    chance = rows.drop_duplicates("steps_seen")
    axis.plot(chance["steps_seen"], chance["chance"], color=style.GREY, ls=":", label="chance (1/K)")
    axis.set_xticks(style.unique(rows["steps_seen"]))
    axis.set_xlabel("steps of history seen")
    axis.set_ylim(0, 1.02)
