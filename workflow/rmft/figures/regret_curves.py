"""Mean cumulative regret over time, by iteration, beside the baselines: one panel per method."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import evidence, style

TABLES = ("curves",)


def rows(curves: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Policies in words and their baselines, on the tasks as they stand."""
    return (evidence.worded(curves),)


def draw(curves: pd.DataFrame) -> Figure:
    """From curves.csv."""
    curves = style.primary(curves)
    own = style.worded(curves)
    tones = style.colours(style.unique(own["method"]))
    note = f"Pooled over seeds. Bands: 95% bootstrap intervals. {style.counts(own)}."

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _methods(band, style.of_pair(own, pair), style.baselines(curves, pair[1]), tones)

    return style.stacked(style.pairs(own), lambda pair: 0.35 + 2.75 * style.rows_of_panels(own, pair), panel, note)


def _methods(band: SubFigure, own: pd.DataFrame, rivals: pd.DataFrame, tones: dict[str, str]) -> None:
    """One panel per method; the baselines' labels stand beside the last of the first row."""
    methods = style.unique(own["method"])
    axes = style.panels(band, len(methods))
    for axis, method in zip(axes, methods, strict=True):
        lines = own[(own["method"] == method) & (own["seed"] == "all")]
        _baselines(axis, rivals)
        _iterations(axis, lines, tones[method])
        axis.set_title(style.title(lines, len(methods)))
        axis.set_xlabel("step t")
        axis.set_xlim(0, lines["step"].max())
        axis.set_ylim(bottom=min(0, own["low"].min(), rivals["regret"].min()))  # external regret can be negative
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.legend(loc="upper left", handlelength=1.4, labelspacing=0.25)
        if style.starts_row(axis):
            axis.set_ylabel(f"{style.measure(lines)},\nmean, cumulative (units of reward)")
    last = rivals[rivals["step"] == rivals["step"].max()].sort_values("regret")
    end = [axis for axis in axes if axis.get_subplotspec().is_first_row()][-1]
    style.label_ends(end, end.get_xlim()[1], list(last["regret"]), list(last["label"]))


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
