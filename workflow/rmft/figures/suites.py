"""How far training carries: regret per step of every suite, before and after, and where training helped or hurt."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from rmft.figures import evidence, style

TABLES = ("summary",)
ABREAST = 3
SIGNS = {  # by the 95% interval of the change: (marker, filled, shade, in words)
    "helped": ("<", True, "#e3f1ec", "helped: regret lower than the base policy's in the same episodes"),
    "hurt": (">", True, "#fbe6db", "hurt: higher"),
    "unclear": ("o", False, "none", "neither: the 95% interval of the change holds 0"),
}


def rows(summary: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Of the (model, task) pairs that were played under suites: policies, seeds pooled, and baselines."""
    pooled = summary[summary["seed"] == "all"]
    own = style.policies(pooled)
    pairs = [pair for pair in style.pairs(own) if style.of_pair(own, pair)["suite"].nunique() > 1]
    rivals = pooled["kind"].isin(["baseline", "oracle"]) & pooled["task"].isin([task for _, task in pairs])
    return (pooled[rivals | pooled.index.isin(evidence.of_pairs(own, pairs).index)],)


def draw(summary: pd.DataFrame) -> Figure:
    """From summary.csv: the (model, task) pairs that were played under suites."""
    own = style.policies(summary)
    own = own[own["seed"] == "all"]
    pairs = [pair for pair in style.pairs(own) if style.of_pair(own, pair)["suite"].nunique() > 1]
    if not pairs:
        return style.empty("No suite beside in-distribution in the tables: nothing to draw.")
    note = "Regret per step, since horizons differ. Pooled over seeds; bars: 95% bootstrap intervals."
    bands = style.stacked(pairs, lambda pair: _height(own, pair), lambda *at: _methods(*at, summary, own), note)
    bands.legend(handles=_legend(), loc="outside upper left", ncols=2, fontsize=6.8)
    return bands


def sign(row: pd.Series) -> str:
    """Whether training helped, hurt, or neither clearly, from the paired change against the base policy."""
    if row["change_high"] < 0:
        return "helped"
    return "hurt" if row["change_low"] > 0 else "unclear"


def after(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of the last iteration of each method under each suite."""
    trained = rows[rows["iteration"] > 0]
    return trained[trained["iteration"] == trained.groupby("method")["iteration"].transform("max")]


def best(rivals: pd.DataFrame, suite: str) -> pd.Series | None:
    """The baseline of least regret under a suite, oracles aside, if there is any."""
    here = style.attainable(rivals[rivals["suite"] == suite])
    return None if here.empty else here.loc[here["regret"].idxmin()]


def _height(own: pd.DataFrame, pair: style.Pair) -> float:
    """Inches of a band."""
    return 0.9 + style.rows_of_panels(own, pair, ABREAST) * (0.75 + 0.33 * style.of_pair(own, pair)["suite"].nunique())


def _methods(band: SubFigure, pair: style.Pair, summary: pd.DataFrame, own: pd.DataFrame) -> None:
    """One panel per method, one line per suite."""
    rows, rivals = style.of_pair(own, pair), style.baselines(summary, pair[1])
    tones, suites = style.colours(style.unique(own["method"])), style.unique(rows["suite"])
    methods = style.unique(rows["method"])
    axes = style.panels(band, len(methods), ABREAST)
    left = min(0.0, 1.08 * (rows["regret_low"] / rows["horizon"]).min())  # external regret can be negative
    right = 1.08 * (rows["regret_high"] / rows["horizon"]).max()
    for axis, method in zip(axes, methods, strict=True):
        here = rows[rows["method"] == method]
        _panel(axis, here, rivals, suites, tones[method])
        axis.set_title(style.title(here, min(len(methods), ABREAST) + 1))  # names of suites take a panel's room
        axis.set_xlim(left, right)
        axis.set_xlabel("mean regret per step")
        axis.set_yticks(range(len(suites)), [_name(rows, rivals, suite) for suite in suites], fontsize=6.3)
    axes[0].set_ylim(len(suites) - 0.5, -0.5)


def _name(rows: pd.DataFrame, rivals: pd.DataFrame, suite: str) -> str:
    """The suite, its horizon, which regret it is, and the best baseline with its constants."""
    here, rival = rows[rows["suite"] == suite], best(rivals, suite)
    first = f"{suite} (T={here['horizon'].iloc[0]}): {style.measure(here)}"
    return first if rival is None else f"{first}\nbest: {rival['label']}"


def _panel(axis: Axes, rows: pd.DataFrame, rivals: pd.DataFrame, suites: list[str], colour: str) -> None:
    """Base policy above, last iteration below, an open diamond for the best baseline; shade and sign say what came of it."""
    axis.grid(axis="y", visible=False)
    for y, suite in enumerate(suites):
        base = rows[(rows["suite"] == suite) & (rows["iteration"] == 0)].iloc[0]
        last = after(rows[rows["suite"] == suite]).iloc[0]
        marker, filled, shade, _ = SIGNS[sign(last)]
        axis.axhspan(y - 0.46, y + 0.46, color=shade, lw=0, zorder=0)
        _dot(axis, base, y - 0.2, style.INK, "o", True)
        _dot(axis, last, y + 0.2, colour, marker, filled)
        if (rival := best(rivals, suite)) is not None:
            axis.plot(rival["regret"] / rival["horizon"], y, marker="D", ms=4, mfc="white", mec=style.GREY, ls="")


def _dot(axis: Axes, row: pd.Series, y: float, colour: str, marker: str, filled: bool) -> None:
    """A mean with its interval, per step."""
    low, value, high = (row[key] / row["horizon"] for key in ("regret_low", "regret", "regret_high"))
    axis.hlines(y, low, high, color=colour, lw=1.2)
    axis.plot(value, y, marker=marker, ms=5, color=colour, mfc=colour if filled else "white", ls="")


def _legend() -> list[Line2D]:
    """What each mark means; the colour is the method's."""
    look = {"ls": "", "ms": 5, "color": style.GREY}
    base = Line2D([], [], label="base policy (iteration 0)", **look | {"marker": "o", "color": style.INK})
    rival = Line2D([], [], label="best baseline on the suite", marker="D", mfc="white", **look)
    ends = [
        Line2D([], [], label=f"last iteration, {w}", marker=m, mfc=style.GREY if f else "white", **look)
        for m, f, _, w in SIGNS.values()
    ]
    return [base, rival, *ends]
