"""What selection keeps: the regret of all trajectories against that of the selected, first and last selection."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import style

TABLES = ("selected_regret",)
SCORES = {"regret": "oracle regret", "information_regret": "information regret"}


def draw(selected_regret: pd.DataFrame) -> Figure:
    """From selected_regret.csv."""
    counted = selected_regret.groupby(["model", "task", "method", "seed", "iteration"])["selected"].agg(["size", "sum"])
    size, chosen = ("/".join(f"{n:,}" for n in sorted(counted[c].unique())) for c in ("size", "sum"))
    seeds = selected_regret["seed"].nunique()
    note = (
        f"Lines: means. {size} trajectories rolled out and {chosen} selected per iteration and seed; "
        f"{seeds} seed{'s' * (seeds != 1)} pooled."
    )

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _grid(band, style.of_pair(selected_regret, pair))

    return style.stacked(style.pairs(selected_regret), 5.4, panel, note)


def _grid(band: SubFigure, rows: pd.DataFrame) -> None:
    """Rows: score x (first, last) selection. Columns: methods."""
    methods, iterations = style.unique(rows["method"]), sorted(rows["iteration"].unique())
    lines = [(score, i) for score in SCORES for i in iterations]
    grid = band.subplots(len(lines), len(methods), sharex=False, sharey="row", squeeze=False)
    for axes, (score, iteration) in zip(grid, lines, strict=True):
        bins = np.linspace(min(0.0, rows[score].min()), np.ceil(rows[score].quantile(0.96)), 31)
        for axis, method in zip(axes, methods, strict=True):
            here = rows[(rows["method"] == method) & (rows["iteration"] == iteration)]
            _pair(axis, here, score, bins, style.colours(methods)[method])
            if iteration == iterations[-1]:
                axis.set_xlabel(f"{SCORES[score]} at T (units of reward)")
        axes[0].set_ylim(top=axes[0].get_ylim()[1] * 1.35)
        axes[0].set_ylabel(f"policy {iteration}:\nshare per bin")
    for axis, method in zip(grid[0], methods, strict=True):
        axis.set_title(style.title(rows[rows["method"] == method]))


def _pair(axis: Axes, here: pd.DataFrame, score: str, bins: np.ndarray, colour: str) -> None:
    """Shares of all and of selected trajectories in each bin; values beyond the last bin count in it."""
    kept = here[here["selected"] == 1]
    for part, fill, tone in ((here, True, style.FAINT), (kept, False, colour)):
        values = part[score].clip(bins[0], bins[-1])
        weights = np.full(len(values), 1 / max(len(values), 1))
        kind = "stepfilled" if fill else "step"
        axis.hist(values, bins, weights=weights, histtype=kind, color=tone, lw=1.4, alpha=0.7 if fill else 1)
        axis.axvline(part[score].mean(), color=style.GREY if fill else tone, lw=1, ls="--")
    for line, (part, tone, name) in enumerate(((here, style.GREY, "all"), (kept, colour, "selected"))):
        text = f"{name}: mean {part[score].mean():.2f}, lucky {part['lucky'].mean():.0%}"
        look = {"ha": "right", "va": "top", "fontsize": 6.8, "color": tone, "path_effects": style.HALO}
        axis.text(0.99, 0.97 - 0.15 * line, text, transform=axis.transAxes, **look)
    axis.set_xlim(bins[0], bins[-1])
