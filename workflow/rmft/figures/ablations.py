"""What each part of the method is worth: every other method less rmft, each after its last iteration (claim C9)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator

from rmft.figures import style

TABLES = ("comparisons",)
REFERENCE = "rmft"
METRICS = {
    "regret": "regret at T (units of reward)",
    "suff_fail": "SuffFailFreq(T/2) (share of episodes)",
    "min_frac": "K·MinFrac",
}
NOTE = (
    f"Differences in the same episodes, seeds pooled; bars: 95% intervals. Regret, SuffFailFreq: left of 0 is better than "
    f"{REFERENCE}.\nK·MinFrac: right of 0 explores more. After each method's name its iteration."
)


def rows(comparisons: pd.DataFrame) -> tuple[pd.DataFrame]:
    """What compares rmft with another method on the tasks as they stand: of each pair the latest iterations."""
    here = style.primary(comparisons)
    here = here[here["metric"].isin(list(METRICS)) & (here["against"] != "base")]
    here = here[(here["method"] == REFERENCE) ^ (here["against"] == REFERENCE)]
    late = here["iteration"].astype(int) + here["against_iteration"].astype(int)
    pair = [here[key] for key in ("model", "task", "metric", "method", "against")]
    return (here[late == late.groupby(pair, sort=False).transform("max")],)


def draw(comparisons: pd.DataFrame) -> Figure:
    """From comparisons.csv: a band for each model and task, a panel for each metric, a line for each method."""
    (shown,) = rows(comparisons)
    if shown.empty:
        return style.empty(f"No method is compared with {REFERENCE} in the tables: nothing to draw.")
    table = turned(shown)
    tones = style.colours([REFERENCE, *style.unique(table["method"])])

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _band(band, style.of_pair(table, pair), tones)

    return style.stacked(
        style.pairs(table), lambda pair: 0.95 + 0.33 * style.of_pair(table, pair)["method"].nunique(), panel, NOTE
    )


def turned(shown: pd.DataFrame) -> pd.DataFrame:
    """The same with every difference the other method's less rmft's."""
    inverse = shown[shown["method"] == REFERENCE]
    signs = {"difference": -inverse["difference"], "low": -inverse["high"], "high": -inverse["low"]}
    ends = {"iteration": inverse["against_iteration"], "against_iteration": inverse["iteration"]}
    swapped = inverse.assign(**signs, **ends, method=inverse["against"], against=REFERENCE)
    return pd.concat([shown[shown["method"] != REFERENCE], swapped]).sort_index()


def _band(band: SubFigure, here: pd.DataFrame, tones: dict[str, str]) -> None:
    """The panels of a model and task."""
    methods = style.unique(here["method"])
    axes = band.subplots(1, len(METRICS), sharey=True)
    for axis, (metric, title) in zip(axes, METRICS.items(), strict=True):
        _panel(axis, here[here["metric"] == metric].set_index("method"), methods, tones)
        axis.set_xlabel(title)
    ends = here.drop_duplicates("method").set_index("method")
    names = [f"{m}, {ends.loc[m, 'iteration']}\nless {REFERENCE}, {ends.loc[m, 'against_iteration']}" for m in methods]
    axes[0].set_yticks(range(len(methods)), names)
    axes[0].set_ylim(len(methods) - 0.5, -0.5)


def _panel(axis: Axes, found: pd.DataFrame, methods: list[str], tones: dict[str, str]) -> None:
    """A dot with its interval for each method, and a line at 0: rmft itself."""
    axis.xaxis.set_major_locator(MaxNLocator(4))
    axis.axvline(0, color=style.INK, lw=0.9, ls=(0, (4, 1.5)))
    for y, method in enumerate(methods):
        if method in found.index:
            row = found.loc[method]
            axis.hlines(y, row["low"], row["high"], color=tones[method], lw=1.4)
            axis.plot(row["difference"], y, marker=style.markers(tones)[method], ms=5, color=tones[method], ls="")
