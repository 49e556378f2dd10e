"""Our baselines on the hard Bernoulli instance against the published table (arXiv 2403.15371) and known regrets."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("calibration",)
PANELS = {
    "median_reward": "median reward, rescaled",
    "suff_fail": "SuffFailFreq(T/2)",
    "min_frac": "K·MinFrac",
    "greedy_frac": "GreedyFrac",
}
TOLERANCE = 0.03


def rows(calibration: pd.DataFrame) -> tuple[pd.DataFrame]:
    """What has a value to be compared with."""
    return (calibration[calibration["published"].notna()],)


def draw(calibration: pd.DataFrame) -> Figure:
    """From calibration.csv: rows that have a value to compare with."""
    known = calibration[calibration["published"].notna()]
    table = known[known["statistic"].isin(list(PANELS))]
    regret = known[known["statistic"] == "regret"]
    if known.empty:
        return style.empty("No baseline with a published value in the selection: nothing to draw.")
    figure = Figure(figsize=(style.WIDTH, 4.3), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.15])
    axes = top.subplots(1, len(PANELS), sharey=True)
    for axis, (statistic, title) in zip(axes, PANELS.items(), strict=True):
        _panel(axis, table[table["statistic"] == statistic], style.unique(table["label"]), TOLERANCE)
        axis.set_xlim(-0.04, 1.06)
        axis.set_xlabel(title)
    axes[0].set_title("Against the published table (shade: ±0.03)")
    axis = bottom.subplots(1, 1)
    _panel(axis, regret, style.unique(regret["label"]), 0.0)
    axis.set_title("Pseudo-regret against values known beforehand")
    axis.set_xlabel("mean pseudo-regret at T (units of reward)")
    axis.legend(loc="upper center")
    episodes = "/".join(f"{int(n):,}" for n in sorted(known["n"].unique()))
    note = f"{' / '.join(style.unique(known['task']))}: {episodes} episodes per baseline (published: 1,000)."
    figure.supxlabel(f"{note} Bars: 95% intervals, mostly narrower than the dots.", fontsize=7, color=style.GREY)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, labels: list[str], tolerance: float) -> None:
    """Ours as a dot with its interval, theirs as an open diamond in a band of the tolerance."""
    theirs = {"marker": "D", "ms": 7, "mfc": "none", "mec": style.OKABE_ITO[0], "mew": 1.2, "ls": ""}
    own = {"marker": "o", "ms": 3.6, "color": style.OKABE_ITO[1], "ls": ""}
    for y, label in enumerate(labels):
        for _, row in rows[rows["label"] == label].iterrows():
            if tolerance and row["target"]:
                ends = row["published"] - tolerance, row["published"] + tolerance
                axis.fill_betweenx([y - 0.3, y + 0.3], *ends, color="#e9e9e9", lw=0)
            axis.plot(row["published"], y, **theirs)
            axis.hlines(y, row["low"], row["high"], color=own["color"], lw=1.6)
            axis.plot(row["ours"], y, **own)
    axis.plot([], [], label="known", **theirs)
    axis.plot([], [], label="ours", **own)
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.4, -0.6)
