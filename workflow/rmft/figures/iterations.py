"""Regret, SuffFailFreq and the share of lucky picks against iteration: does selection teach, or does it reward luck?"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import evidence, style

TABLES = ("summary", "selection")
BOUNDS, DASHES = ("random", "greedy", "follow-the-leader"), ((0, (1, 1.5)), (0, (4, 1.5)), (0, (4, 1.5)))


def rows(summary: pd.DataFrame, selection: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Policies in words and their baselines, on the tasks as they stand, and what was selected from them."""
    shown = evidence.worded(summary)
    return shown, evidence.of_pairs(selection, style.pairs(style.worded(shown)))


def draw(summary: pd.DataFrame, selection: pd.DataFrame) -> Figure:
    """From summary.csv and selection.csv."""
    summary = style.primary(summary)
    own = style.worded(summary)
    tones = style.colours(style.unique(own["method"]))
    thin = f"Thin: each seed (up to {style.ABREAST} methods)"
    note = f"{thin}. Thick: pooled, 95% bootstrap intervals. {style.counts(own)}."

    def panel(band: SubFigure, pair: style.Pair) -> None:
        rivals = style.baselines(summary, pair[1])
        _panels(band, style.of_pair(own, pair), style.of_pair(selection, pair), rivals, tones)

    return style.stacked(
        style.pairs(own), lambda pair: 3.05 + 0.16 * (style.of_pair(own, pair)["method"].nunique() // 3), panel, note
    )


def _panels(
    band: SubFigure, own: pd.DataFrame, chosen: pd.DataFrame, rivals: pd.DataFrame, tones: dict[str, str]
) -> None:
    """Three panels side by side and one legend beneath them."""
    left, middle, right = band.subplots(1, 3)
    _lines(left, own, "regret", tones)
    _references(left, rivals, "regret")
    left.set_title("Regret")
    left.set_ylabel(f"{style.measure(own)} at T,\nmean (units of reward)")
    _lines(middle, own, "suff_fail", tones)
    _references(middle, rivals, "suff_fail")
    middle.set_title("Early lock-in")
    middle.set_ylabel("SuffFailFreq(T/2)  (share of episodes)")
    _lines(right, chosen, "lucky_selected", tones)
    everyone = chosen[chosen["seed"] == "all"]
    for method, line in everyone.groupby("method", sort=False):
        right.plot(line["iteration"], line["lucky_all"], color=tones[method], ls=":", lw=1.1)
    right.plot([], [], color=style.GREY, ls=":", lw=1.1, label="among all rolled out")
    right.legend(handles=right.lines[-1:], loc="best")
    right.set_title("Luck among the selected")
    right.set_ylabel("lucky share of selected trajectories")
    right.set_ylim(top=max(right.get_ylim()[1], 0.2))
    for axis in (left, middle, right):
        bottom, top = axis.get_ylim()
        axis.set_ylim(bottom=bottom if axis.dataLim.y0 < 0 else -0.02 * top)  # external regret can be negative
        axis.set_xlabel("iteration (0 = base policy)")
        axis.set_xticks(sorted(own["iteration"].unique()))
        axis.set_xlim(-0.3, own["iteration"].max() + 0.3)
    handles, labels = left.get_legend_handles_labels()
    band.legend(
        handles, labels, loc="outside lower center", ncols=min(len(labels), 3), columnspacing=1.4, handlelength=2.2
    )


def _lines(axis: Axes, table: pd.DataFrame, value: str, tones: dict[str, str]) -> None:
    """Per method: thin lines of the seeds, then the pooled line with its interval, set apart sideways."""
    methods = style.unique(table["method"])
    for i, method in enumerate(methods):
        colour, marker = tones[method], style.markers(tones)[method]
        rows = table[table["method"] == method]
        for _, seed in rows[rows["seed"] != "all"].groupby("seed") if len(methods) <= style.ABREAST else ():
            axis.plot(seed["iteration"], seed[value], color=colour, lw=0.7, alpha=0.55)
        pooled = rows[rows["seed"] == "all"]
        x = pooled["iteration"].astype(float) + 0.06 * (i - (len(methods) - 1) / 2)
        axis.plot(x, pooled[value], color=colour, marker=marker, ms=4, label=style.unique(rows["label"])[0])
        axis.vlines(x, pooled[f"{value}_low"], pooled[f"{value}_high"], color=colour, lw=1.2)


def _references(axis: Axes, rivals: pd.DataFrame, value: str) -> None:
    """Broken lines for baselines that bound what to expect: random, greedy (told all: follow the leader), the best."""
    known = style.attainable(rivals).set_index("method")
    if known.empty:
        return
    best = known["regret"].idxmin()
    for method, dash in zip(BOUNDS, DASHES, strict=True):
        if method in known.index and method != best:
            axis.axhline(
                known.loc[method, value], color=style.GREY, lw=0.9, ls=dash, zorder=1, label=known.loc[method, "label"]
            )
    name = f"best baseline: {known.loc[best, 'label']}"
    axis.axhline(known.loc[best, value], color=style.INK, lw=0.9, ls=(0, (6, 2, 1, 2)), zorder=1, label=name)
