"""Regret, SuffFailFreq and the share of lucky picks against iteration: does selection teach, or does it reward luck?"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import style

TABLES = ("summary", "selection")


def draw(summary: pd.DataFrame, selection: pd.DataFrame) -> Figure:
    """From summary.csv and selection.csv."""
    summary = style.primary(summary)
    own = style.policies(summary)
    note = f"Thin: each seed. Thick: pooled, 95% bootstrap intervals. {style.counts(summary)}."

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _panels(band, style.of_pair(own, pair), style.of_pair(selection, pair), style.baselines(summary, pair[1]))

    return style.stacked(style.pairs(own), 3.2, panel, note)


def _panels(band: SubFigure, own: pd.DataFrame, chosen: pd.DataFrame, rivals: pd.DataFrame) -> None:
    """Three panels side by side and one legend above them."""
    left, middle, right = band.subplots(1, 3)
    _lines(left, own, "regret")
    _references(left, rivals, "regret")
    left.set_title("Regret")
    left.set_ylabel("mean regret at T (units of reward)")
    _lines(middle, own, "suff_fail")
    _references(middle, rivals, "suff_fail")
    middle.set_title("Early lock-in")
    middle.set_ylabel("SuffFailFreq(T/2)  (share of episodes)")
    _lines(right, chosen, "lucky_selected")
    everyone = chosen[chosen["seed"] == "all"]
    for method, line in everyone.groupby("method", sort=False):
        right.plot(line["iteration"], line["lucky_all"], color=_colour(own, method), ls=":", lw=1.1)
    right.plot([], [], color=style.GREY, ls=":", lw=1.1, label="among all rolled out")
    right.legend(handles=right.lines[-1:], loc="best")
    right.set_title("Luck among the selected")
    right.set_ylabel("lucky share of selected trajectories")
    for axis in (left, middle, right):
        axis.set_ylim(bottom=-0.02 * axis.get_ylim()[1])
        axis.set_xlabel("iteration (0 = base policy)")
        axis.set_xticks(sorted(own["iteration"].unique()))
        axis.set_xlim(-0.3, own["iteration"].max() + 0.3)
    handles, labels = left.get_legend_handles_labels()
    band.legend(handles, labels, loc="outside lower center", ncols=len(labels), columnspacing=1.4, handlelength=1.6)


def _colour(own: pd.DataFrame, method: str) -> str:
    return style.colours(style.unique(own["method"]))[method]


def _lines(axis: Axes, table: pd.DataFrame, value: str) -> None:
    """Per method: thin lines of the seeds, then the pooled line with its interval, set apart sideways."""
    methods = style.unique(table["method"])
    for i, method in enumerate(methods):
        colour, marker = _colour(table, method), style.MARKERS[i % len(style.MARKERS)]
        rows = table[table["method"] == method]
        for _, seed in rows[rows["seed"] != "all"].groupby("seed"):
            axis.plot(seed["iteration"], seed[value], color=colour, lw=0.7, alpha=0.55)
        pooled = rows[rows["seed"] == "all"]
        x = pooled["iteration"].astype(float) + 0.06 * (i - (len(methods) - 1) / 2)
        axis.plot(x, pooled[value], color=colour, marker=marker, ms=4, label=style.unique(rows["label"])[0])
        axis.vlines(x, pooled[f"{value}_low"], pooled[f"{value}_high"], color=colour, lw=1.2)


def _references(axis: Axes, rivals: pd.DataFrame, value: str) -> None:
    """Dotted lines for three baselines that bound what to expect: random, greedy, and the one of least regret."""
    if rivals.empty:
        return
    best = rivals.loc[rivals["regret"].idxmin(), "method"]
    for method in dict.fromkeys(["random", "greedy", best]):
        for _, row in rivals[rivals["method"] == method].iterrows():
            axis.axhline(row[value], color=style.FAINT, lw=0.8, ls=(0, (4, 1.5)), zorder=1)
            axis.annotate(
                row["label"],
                (1.0, row[value]),
                xycoords=("axes fraction", "data"),
                xytext=(0, 1.5),
                textcoords="offset points",
                ha="right",
                fontsize=6,
                color=style.GREY,
                path_effects=style.HALO,
            )
