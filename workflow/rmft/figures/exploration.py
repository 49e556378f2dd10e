"""Two ways to fail at exploring: locking in early (SuffFailFreq) and never settling (K*MinFrac near 1)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import evidence, style

TABLES = ("summary",)
RIVAL_MARKERS = ["o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*"]


def rows(summary: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Policies in words and their baselines, on the tasks as they stand."""
    return (evidence.worded(summary),)


def draw(summary: pd.DataFrame) -> Figure:
    """From summary.csv."""
    summary = style.primary(summary)
    own = style.worded(summary)
    tones = style.colours(style.unique(own["method"]))
    note = f"Pooled over seeds; crosses: 95% bootstrap intervals. {style.counts(own)}."

    def panel(band: SubFigure, pair: style.Pair) -> None:
        axis = band.subplots(1, 1)
        _rivals(axis, style.baselines(summary, pair[1]))
        _paths(axis, style.of_pair(own, pair), tones)
        axis.set_xlabel("SuffFailFreq(T/2): share of episodes without the best arm after T/2   (lower is better)")
        axis.set_ylabel("K·MinFrac: share of steps of the rarest arm,\nas a multiple of 1/K   (1 = all arms alike)")
        axis.set_xlim(left=-0.01)
        axis.set_ylim(bottom=-0.02)
        axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), labelspacing=0.55)

    return style.stacked(style.pairs(own), lambda pair: 3.9, panel, note)


def _rivals(axis: Axes, rivals: pd.DataFrame) -> None:
    """One open grey marker for each baseline."""
    for marker, (_, row) in zip(np.resize(RIVAL_MARKERS, len(rivals)), rivals.iterrows(), strict=True):
        axis.plot(
            row["suff_fail"],
            row["min_frac"],
            marker=marker,
            ls="",
            ms=6,
            mfc="white",
            mec=style.GREY,
            mew=1.1,
            label=row["label"],
        )


def _paths(axis: Axes, own: pd.DataFrame, tones: dict[str, str]) -> None:
    """A path of arrows for each method, from the base policy to the last iteration."""
    methods = style.unique(own["method"])
    for method in methods:
        marker = style.markers(tones)[method]
        path = own[(own["method"] == method) & (own["seed"] == "all")].sort_values("iteration")
        x, y, colour = path["suff_fail"].to_numpy(), path["min_frac"].to_numpy(), tones[method]
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.2, "mutation_scale": 8, "shrinkA": 3, "shrinkB": 3}
        for here, there in zip(range(len(x) - 1), range(1, len(x)), strict=True):
            axis.annotate("", xy=(x[there], y[there]), xytext=(x[here], y[here]), arrowprops=arrow)
        axis.hlines(y, path["suff_fail_low"], path["suff_fail_high"], color=colour, lw=0.7, alpha=0.6)
        axis.vlines(x, path["min_frac_low"], path["min_frac_high"], color=colour, lw=0.7, alpha=0.6)
        axis.plot(x[1:], y[1:], marker=marker, ls="", ms=4.5, color=colour, label=style.unique(path["label"])[0])
        last = {"textcoords": "offset points", "fontweight": "bold", "color": colour, "path_effects": style.HALO}
        axis.annotate(str(path["iteration"].iloc[-1]), (x[-1], y[-1]), xytext=(4, 4), **last)
    axis.plot(x[:1], y[:1], marker="o", ls="", ms=7, color=style.INK, label="base policy (iteration 0)")
