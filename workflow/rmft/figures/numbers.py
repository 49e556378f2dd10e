"""Models with numbers in and out: mean cumulative regret over time, one panel per task, beside the tuned baselines."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import evidence, style

TABLES = ("curves",)


def rows(curves: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Policies in numbers and their baselines, on the tasks as they stand."""
    return (evidence.numeric(curves),)


def draw(curves: pd.DataFrame) -> Figure:
    """From curves.csv."""
    curves = style.primary(curves)
    own = style.numeric(curves)
    pairs = style.pairs(own)
    if not pairs:
        return style.empty("No numeric cells in the tables: nothing to draw.")
    tones = style.colours(style.unique(own["method"]))
    figure = Figure(figsize=(style.WIDTH, 3.0 * len(pairs) + 0.25), layout="constrained")
    axes = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
    for axis, pair in zip(axes, pairs, strict=True):
        _panel(axis, style.of_pair(own, pair), style.baselines(curves, pair[1]), tones)
        axis.set_title(f"{pair[1]}, model {pair[0]}")
        axis.set_ylabel("mean cumulative regret")
    axes[-1].set_xlabel("step t")
    note = f"Pooled over seeds. Bands: 95% bootstrap intervals. {style.counts(own)}."
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _panel(axis: Axes, own: pd.DataFrame, rivals: pd.DataFrame, tones: dict[str, str]) -> None:
    """Baselines in grey, the untrained network in black, then every method: its iterations from pale to full."""
    own, last = own[own["seed"] == "all"], own["step"].max()
    ends = []
    for _, line in rivals.groupby("method", sort=False):
        axis.plot(line["step"], line["regret"], color=style.FAINT, lw=0.8, ls=(0, (4, 1.5)))
        ends.append((line["regret"].iloc[-1], line["label"].iloc[0]))
    _line(axis, own[own["iteration"] == 0].drop_duplicates("step"), style.INK, "untrained")
    for method in style.unique(own["method"]):
        lines = own[(own["method"] == method) & (own["iteration"] > 0)]
        iterations = style.unique(lines["iteration"])
        for iteration, tone in zip(iterations, style.shades(tones[method], len(iterations)), strict=True):
            name = lines["label"].iloc[0] + f", iteration {iteration}" if iteration == iterations[-1] else None
            _line(axis, lines[lines["iteration"] == iteration], tone, name)
    axis.set_xlim(0, last)
    axis.set_ylim(0, 1.5 * _highest(own, rivals))
    axis.legend(loc="upper left", handlelength=1.4, labelspacing=0.25)
    style.label_ends(axis, last, [min(at, axis.get_ylim()[1]) for at, _ in ends], [label for _, label in ends])


def _highest(own: pd.DataFrame, rivals: pd.DataFrame) -> float:
    """The largest regret at the end, the untrained network and the baselines that it plays like left out."""
    ends = own[(own["step"] == own["step"].max()) & (own["iteration"] > 0)]["regret"].max()
    clever = rivals[(rivals["step"] == rivals["step"].max()) & (rivals["method"] != "random")]["regret"].max()
    return max(ends, clever if clever == clever else 0)


def _line(axis: Axes, line: pd.DataFrame, colour: str | tuple, name: str | None) -> None:
    axis.plot(line["step"], line["regret"], color=colour, lw=1.6 if name else 0.9, label=name)
    if name:
        axis.fill_between(line["step"], line["low"], line["high"], color=colour, alpha=0.18, lw=0)
