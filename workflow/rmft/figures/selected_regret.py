"""What selection keeps: the regret of all trajectories against that of the selected, first and last selection."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import style

TABLES = ("selected_regret",)
SCORES = ("regret", "information_regret")


def rows(selected_regret: pd.DataFrame) -> tuple[pd.DataFrame]:
    """All of them."""
    return (selected_regret,)


def draw(selected_regret: pd.DataFrame) -> Figure:
    """From selected_regret.csv."""
    counted = selected_regret.groupby(["model", "task", "method", "seed", "iteration"])["selected"].agg(["size", "sum"])
    size, chosen = ("/".join(f"{n:,}" for n in sorted(counted[c].unique())) for c in ("size", "sum"))
    tones = style.colours(style.unique(selected_regret["method"]))
    note = (
        f"In units of reward; dashed: means. {size} trajectories rolled out and {chosen} selected per iteration and seed; "
        "seeds pooled."
    )

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _grid(band, style.of_pair(selected_regret, pair), tones)

    def height(pair: style.Pair) -> float:
        rows = style.of_pair(selected_regret, pair)
        return 0.5 + 1.3 * len(_lines(rows)) * style.rows_of_panels(rows, pair)

    return style.stacked(style.pairs(selected_regret), height, panel, note)


def _lines(rows: pd.DataFrame) -> list[tuple[str, int]]:
    """(score, iteration) of each line of panels: the scores that the task has, at the first and the last selection."""
    return [(score, i) for score in SCORES if rows[score].notna().any() for i in sorted(rows["iteration"].unique())]


def _grid(band: SubFigure, rows: pd.DataFrame, tones: dict[str, str]) -> None:
    """Rows: score x (first, last) selection. Columns: methods, in blocks of no more than stand abreast."""
    methods, lines = style.unique(rows["method"]), _lines(rows)
    blocks = -(-len(methods) // style.ABREAST)
    columns = -(-len(methods) // blocks)
    grid = band.subplots(blocks * len(lines), columns, sharey="row", squeeze=False)
    for block in range(blocks):
        of = methods[block * columns : (block + 1) * columns]
        part = grid[block * len(lines) : (block + 1) * len(lines)]
        for axes, (score, iteration) in zip(part, lines, strict=True):
            _line(axes[: len(of)], rows, of, score, iteration, tones)
        for axis, method in zip(part[0], of, strict=False):
            axis.set_title(style.title(rows[rows["method"] == method], columns))
        for axis in part[:, len(of) :].ravel():
            axis.remove()


def _line(axes: np.ndarray, rows: pd.DataFrame, methods: list[str], score: str, at: int, tones: dict[str, str]) -> None:
    """One score and selection of several methods."""
    names = {"regret": style.measure(rows), "information_regret": "information regret"}
    bins = np.linspace(min(0.0, rows[score].min()), np.ceil(rows[score].quantile(0.96)), 31)
    for axis, method in zip(axes, methods, strict=True):
        here = rows[(rows["method"] == method) & (rows["iteration"] == at)]
        if here.empty:  # a method of fewer iterations
            axis.text(0.5, 0.5, "no such selection", transform=axis.transAxes, ha="center", color=style.GREY)
        else:
            _pair(axis, here, score, bins, tones[method])
        if at == rows["iteration"].max():
            axis.set_xlabel(f"{names[score]} at T")
    axes[0].set_ylim(top=axes[0].get_ylim()[1] * 1.35)
    axes[0].set_ylabel(f"policy {at}:\nshare per bin")


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
        look = {"ha": "right", "va": "top", "fontsize": 6.3, "color": tone, "path_effects": style.HALO}
        axis.text(0.99, 0.97 - 0.15 * line, text, transform=axis.transAxes, **look)
    axis.set_xlim(bins[0], bins[-1])
