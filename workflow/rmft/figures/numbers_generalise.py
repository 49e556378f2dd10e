"""How far numeric models carry: regret against the best baseline's, trained on (rows) x tested on (columns)."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from rmft.figures import evidence, style

TABLES = ("summary",)
_ORACLES = ("best-fixed-arm", "per-step-oracle")  # no policy can know what they know


def rows(summary: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Policies in numbers and their baselines, under every suite."""
    return (evidence.rivalled(summary, "numeric"),)


def draw(summary: pd.DataFrame) -> Figure:
    """From summary.csv."""
    episodes = style.counts(style.numeric(style.primary(summary)))
    summary = summary[summary["seed"] == "all"]
    own = style.numeric(summary)
    if own.empty:
        return style.empty("No numeric cells in the tables: nothing to draw.")
    ratios, names = _ratios(own, summary[summary["kind"] == "baseline"])
    figure = Figure(figsize=(style.WIDTH, 0.27 * len(ratios) + 1.5), layout="constrained")
    axis = figure.subplots(1, 1)
    image = axis.imshow(np.log2(ratios), cmap="RdBu_r", vmin=-2.5, vmax=2.5, aspect="auto")
    for (row, column), ratio in np.ndenumerate(ratios):
        if np.isfinite(ratio):
            dark = abs(np.log2(ratio)) > 1.7
            axis.text(
                column, row, f"{ratio:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else style.INK
            )
    axis.set_xticks(range(ratios.shape[1]), style.unique(own["suite"]), rotation=25, ha="right")
    axis.set_yticks(range(len(names)), names)
    axis.set_xlabel("tested on")
    axis.grid(visible=False)
    bar = figure.colorbar(image, ax=axis, pad=0.01, ticks=[-2, -1, 0, 1, 2])
    bar.ax.set_yticklabels(["1/4", "1/2", "1", "2", "4"])
    bar.set_label("regret / best baseline's")
    figure.supxlabel(f"Pooled over seeds. {episodes}.", fontsize=7, color=style.GREY)
    return figure


def _ratios(own: pd.DataFrame, rivals: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Regret over the least of any baseline that is no oracle, rows x suites (NaN where not played), and the rows' names."""
    suites = style.unique(own["suite"])
    best = rivals[~rivals["method"].isin(_ORACLES)].groupby(["task", "suite"])["regret"].min()
    rows, names = [], []
    for (task, model), part in own.groupby(["task", "model"], sort=False):
        chosen = [("untrained", part[part["iteration"] == 0].drop_duplicates("suite"))]
        for method, lines in part.groupby("method", sort=False):
            chosen.append((method, lines[lines["iteration"] == lines["iteration"].max()]))
        for name, lines in chosen:
            regret = lines.set_index("suite")["regret"]
            rows.append([regret.get(s, np.nan) / best.get((task, s), np.nan) for s in suites])
            names.append(f"{task}, {model}: {name}")
    return np.array(rows, float), names
