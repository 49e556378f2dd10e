"""How far what was learnt carries, at a glance: the relative change of regret, policies (rows) x suites (columns)."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import evidence, style, suites

TABLES = ("summary",)
SPAN = 1.0  # the change at which colours end


def rows(summary: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Of the (model, task) pairs that were played under suites, seeds pooled: the base policy and each last iteration."""
    (shown,) = suites.rows(summary)
    own = style.policies(shown)
    kept = own[own["iteration"] == 0].index.union(evidence.ends(own).index)
    return (own[own.index.isin(kept)],)


def draw(summary: pd.DataFrame) -> Figure:
    """From summary.csv: blue where training lowered regret, red where it raised it; bold where that is clear."""
    (own,) = rows(summary)
    if own.empty:
        return style.empty("No suite beside in-distribution in the tables: nothing to draw.")
    columns = style.unique(own["suite"])
    policies = [(*key, part) for key, part in evidence.ends(own).groupby(["model", "task", "method"], sort=False)]
    figure = Figure(figsize=(style.WIDTH, 0.3 * len(policies) + 1.6), layout="constrained")
    axis = figure.subplots(1, 1)
    changes = np.full((len(policies), len(columns)), np.nan)
    for y, (model, task, _, part) in enumerate(policies):
        base = style.of_pair(own, (model, task)).query("iteration == 0").drop_duplicates("suite").set_index("suite")
        for _, row in part.iterrows():
            changes[y, columns.index(row["suite"])] = row["change"] / abs(base.loc[row["suite"], "regret"])
            _write(axis, columns.index(row["suite"]), y, changes[y, columns.index(row["suite"])], suites.sign(row))
    image = axis.imshow(changes, cmap="RdBu_r", vmin=-SPAN, vmax=SPAN, aspect="auto")
    axis.grid(visible=False)
    axis.set_xticks(range(len(columns)), columns, rotation=25, ha="right")
    axis.set_yticks(range(len(policies)), [f"{task}, {model}: {method}" for model, task, method, _ in policies])
    axis.set_xlabel("tested on (nothing is trained on a suite)")
    bar = figure.colorbar(image, ax=axis, pad=0.01, ticks=[-1, -0.5, 0, 0.5, 1], extend="max")
    bar.ax.set_yticklabels(["−100%", "−50%", "0", "+50%", "+100%"])
    bar.set_label("change of regret by training")
    note = "Last iteration against the base policy in the same episodes, seeds pooled. Bold: the 95% interval leaves out 0."
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _write(axis: Axes, x: int, y: int, change: float, sign: str) -> None:
    """The change in its field, bold where it is clear."""
    weight = "normal" if sign == "unclear" else "bold"
    colour = "white" if abs(change) > 0.6 * SPAN else style.INK
    axis.text(
        x, y, f"{change:+.0%}".replace("-", "−"), ha="center", va="center", fontsize=7, color=colour, weight=weight
    )
