"""Mean cumulative regret over time, by iteration, beside the baselines: one panel per method."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import style

TABLES = ("curves",)


def draw(curves: pd.DataFrame) -> Figure:
    """From curves.csv."""
    curves = style.primary(curves)
    own = style.policies(curves)
    note = f"Pooled over seeds. Bands: 95% bootstrap intervals. {style.counts(curves)}."

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _methods(band, style.of_pair(own, pair), style.baselines(curves, pair[1]))

    return style.stacked(style.pairs(own), 3.1, panel, note)


def _methods(band: SubFigure, own: pd.DataFrame, rivals: pd.DataFrame) -> None:
    """One panel per method; the baselines' labels stand beside the last."""
    methods = style.unique(own["method"])
    axes = band.subplots(1, len(methods), sharey=True, squeeze=False)[0]
    for axis, method in zip(axes, methods, strict=True):
        lines = own[(own["method"] == method) & (own["seed"] == "all")]
        _baselines(axis, rivals)
        _iterations(axis, lines, style.colours(methods)[method])
        axis.set_title(style.title(lines))
        axis.set_xlabel("step t")
        axis.set_xlim(0, lines["step"].max())
        axis.set_ylim(bottom=0)
        axis.legend(loc="upper left", handlelength=1.4, labelspacing=0.25)
    axes[0].set_ylabel("mean cumulative regret (units of reward)")
    last = rivals[rivals["step"] == rivals["step"].max()].sort_values("regret")
    style.label_ends(axes[-1], axes[-1].get_xlim()[1], list(last["regret"]), list(last["label"]))


def _baselines(axis: Axes, rivals: pd.DataFrame) -> None:
    """Thin grey lines, one per baseline."""
    for _, line in rivals.groupby("method", sort=False):
        axis.plot(line["step"], line["regret"], color=style.FAINT, lw=0.8, ls=(0, (4, 1.5)))


def _iterations(axis: Axes, lines: pd.DataFrame, colour: str) -> None:
    """The base policy in black, then one line per iteration from pale to full; first and last with their bands."""
    iterations = style.unique(lines["iteration"])
    tones = [style.INK, *style.shades(colour, max(len(iterations) - 1, 1))]
    for iteration, tone in zip(iterations, tones, strict=False):
        line = lines[lines["iteration"] == iteration]
        end = iteration in (iterations[0], iterations[-1])
        name = ("base policy" if iteration == 0 else f"iteration {iteration}") if end or iteration == 1 else None
        axis.plot(line["step"], line["regret"], color=tone, lw=1.9 if end else 1.0, label=name)
        if end:
            axis.fill_between(line["step"], line["low"], line["high"], color=tone, alpha=0.18, lw=0)
