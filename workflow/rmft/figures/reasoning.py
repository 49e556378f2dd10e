"""Do reasonings agree with the numbers, and do actions follow from them? By iteration (claim C6)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import evidence, style

TABLES = ("reasoning",)
PANELS = {
    "aligned": ("Alignment", "share of named best arms\nthat the history bears out"),
    "numeric_error": ("Numbers", "mean absolute error of\nstated averages (reward)"),
    "knows": ("Knowing, doing", "share of steps (knows),\nof those (acts)"),
}


def rows(reasoning: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Policies in words on the tasks as they stand."""
    return (evidence.rivalled(style.primary(reasoning), "policy"),)


def draw(reasoning: pd.DataFrame) -> Figure:
    """From reasoning.csv: a band for each model and task, three panels."""
    (own,) = rows(reasoning)
    if own.empty:
        return style.empty("No reasonings of a language model in the tables: nothing to draw.")
    tones = style.colours(style.unique(own["method"]))
    stated = own.loc[own["seed"] == "all", "stated"]
    note = (
        "Thick: seeds pooled, 95% intervals; thin: each seed. "
        f"A best arm is named in {stated.min():.0%} to {stated.max():.0%} of steps. {style.counts(own)}."
    )

    def panel(band: SubFigure, pair: style.Pair) -> None:
        _band(band, style.of_pair(own, pair), tones)

    return style.stacked(style.pairs(own), lambda pair: 2.9, panel, note)


def _band(band: SubFigure, own: pd.DataFrame, tones: dict[str, str]) -> None:
    """Alignment, numeric error, and the gap between knowing (dotted) and doing (solid)."""
    axes = band.subplots(1, len(PANELS))
    for axis, (value, (title, name)) in zip(axes, PANELS.items(), strict=True):
        _lines(axis, own, "acts" if value == "knows" else value, tones)
        axis.set_title(title)
        axis.set_ylabel(name)
        axis.set_xlabel("iteration (0 = base policy)")
        axis.set_xticks(sorted(own["iteration"].unique()))
        axis.set_xlim(-0.3, own["iteration"].max() + 0.3)
    if "aligned_all" in own:
        _strictly(axes[0], own, tones)
    for i, (method, line) in enumerate(_pooled(own)):
        axes[2].plot(_apart(line, i, own), line["knows"], color=tones[method], ls=":", marker=".", ms=4, lw=1.1)
    if own["numeric_error"].isna().all():
        axes[1].text(0.5, 0.5, "no average is stated", transform=axes[1].transAxes, ha="center", color=style.GREY)
    for axis in (axes[0], axes[2]):
        axis.set_ylim(-0.02, 1.04)
    axes[1].set_ylim(bottom=0)
    axes[2].plot([], [], color=style.GREY, ls=":", marker=".", label="knows: names it, of all steps")
    axes[2].plot([], [], color=style.GREY, marker="o", ms=4, label="acts: plays it, of those")
    axes[2].legend(handles=axes[2].lines[-2:], loc="best")
    handles, labels = axes[0].get_legend_handles_labels()
    band.legend(handles, labels, loc="outside lower center", ncols=3)


def _strictly(axis: Axes, own: pd.DataFrame, tones: dict[str, str]) -> None:
    """Alignment at the steps before which every arm was shown, dashed: to name the best of one arm is no art."""
    for i, (method, line) in enumerate(_pooled(own)):
        axis.plot(_apart(line, i, own), line["aligned_all"], color=tones[method], ls=(0, (4, 1.5)), lw=1.1)
        ends = line["aligned_all_low"], line["aligned_all_high"]
        axis.vlines(_apart(line, i, own), *ends, color=tones[method], lw=0.8)
    (mark,) = axis.plot([], [], color=style.GREY, ls=(0, (4, 1.5)), lw=1.1)
    axis.legend([mark], ["once every arm was shown"], loc="lower left")


def _pooled(own: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Each method's rows, seeds pooled, by iteration."""
    everyone = own[own["seed"] == "all"].sort_values("iteration")
    return [(method, everyone[everyone["method"] == method]) for method in style.unique(own["method"])]


def _apart(line: pd.DataFrame, i: int, own: pd.DataFrame) -> pd.Series:
    """Iterations, each method's set apart sideways."""
    return line["iteration"].astype(float) + 0.06 * (i - (own["method"].nunique() - 1) / 2)


def _lines(axis: Axes, own: pd.DataFrame, value: str, tones: dict[str, str]) -> None:
    """Per method: thin lines of the seeds, the pooled line with its interval."""
    for i, (method, line) in enumerate(_pooled(own)):
        colour, x = tones[method], _apart(line, i, own)
        seeds = own[(own["method"] == method) & (own["seed"] != "all")]
        for _, seed in seeds.groupby("seed") if own["method"].nunique() <= style.ABREAST else ():
            axis.plot(seed["iteration"], seed[value], color=colour, lw=0.7, alpha=0.5)
        label = style.unique(line["label"])[0]
        axis.plot(x, line[value], color=colour, marker=style.markers(tones)[method], ms=4, label=label)
        axis.vlines(x, line[f"{value}_low"], line[f"{value}_high"], color=colour, lw=1.2)
