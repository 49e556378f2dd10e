"""Who follows the drift? The share of episodes that play the arm that is best now, over time and since it changed (C3)."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure

from rmft.figures import evidence, style

TABLES = ("tracking",)
CLOCKS = {"step": "step t", "since": "steps since the best arm changed"}
RIVALS = 3  # baselines at most, those that end best


def rows(tracking: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Seeds pooled: the base policy, the last iteration of each method, and the baselines."""
    pooled = tracking[tracking["seed"] == "all"]
    own = style.policies(pooled)
    kept = own[own["iteration"] == 0].index.union(evidence.ends(own).index)
    rivals = style.attainable(pooled)
    rivals = rivals[rivals["task"].isin(own["task"])]
    return (pooled[pooled.index.isin(kept.union(rivals.index))],)


def draw(tracking: pd.DataFrame) -> Figure:
    """From tracking.csv: a band for each model and task whose means move, a panel for each clock."""
    (shown,) = rows(tracking)
    own = style.policies(shown)
    if own.empty:
        return style.empty("No policy on a task whose means move in the tables: nothing to draw.")
    tones = style.colours(style.unique(own["method"]))
    left, right = (
        " or ".join(f"{int(n):,}" for n in sorted(own.loc[own["clock"] == clock, "episodes"].unique()))
        for clock in CLOCKS
    )
    note = (
        f"Seeds pooled, {left} episodes each; right: the {right or 0} of them with room around a change.\n"
        "Bands: 95% bootstrap intervals. Dotted: the share that still plays the arm that was best before the change."
    )

    def panel(band: SubFigure, pair: style.Pair) -> None:
        here, rivals = style.of_pair(own, pair), _best(style.baselines(shown, pair[1]))
        axes = band.subplots(1, len(CLOCKS), sharey=True)
        for axis, clock in zip(axes, CLOCKS, strict=True):
            _panel(axis, here[here["clock"] == clock], rivals[rivals["clock"] == clock], tones, clock)
        axes[0].set_ylabel("share of episodes that play\nthe arm that is best now")
        handles, labels = axes[0].get_legend_handles_labels()
        band.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=6.8)

    return style.stacked(style.pairs(own), lambda pair: 3.3, panel, note)


def _best(rivals: pd.DataFrame) -> pd.DataFrame:
    """The baselines that play the best arm most often in the second half."""
    late = rivals[(rivals["clock"] == "step") & (rivals["step"] > rivals["step"].max() / 2)]
    chosen = late.groupby("method")["best"].mean().nlargest(RIVALS).index
    return rivals[rivals["method"].isin(chosen)]


def _panel(axis: Axes, own: pd.DataFrame, rivals: pd.DataFrame, tones: dict[str, str], clock: str) -> None:
    """Baselines in grey, the base policy in black, the last iterations in colour."""
    dashes = [(0, (4, 1.5)), (0, (1, 1.5)), (0, (6, 2, 1, 2))]
    for dash, (_, line) in zip(dashes, rivals.groupby("method", sort=False), strict=False):
        axis.plot(line["step"], line["best"], color=style.GREY, lw=0.9, ls=dash, label=line["label"].iloc[0])
    base = own[own["iteration"] == 0].drop_duplicates("step")
    _line(axis, base, style.INK, "base policy (iteration 0)", clock)
    for (method, iteration), line in evidence.ends(own).groupby(["method", "iteration"], sort=False):
        _line(axis, line, tones[method], f"{line['label'].iloc[0]}, iteration {iteration}", clock)
    axis.set_xlabel(CLOCKS[clock])
    axis.set_ylim(0, 1)
    axis.xaxis.get_major_locator().set_params(integer=True)
    if clock == "since":
        axis.axvline(0, color=style.INK, lw=0.8, ls=(0, (4, 1.5)))


def _line(axis: Axes, line: pd.DataFrame, colour: str, label: str, clock: str) -> None:
    """Share of the best arm with its band; after a change also that of the arm that was best before."""
    axis.plot(line["step"], line["best"], color=colour, label=label)
    axis.fill_between(line["step"], line["best_low"], line["best_high"], color=colour, alpha=0.15, lw=0)
    if clock == "since":
        after = line[line["step"] >= 0]
        axis.plot(after["step"], after["former"], color=colour, ls=":", lw=1.2)
