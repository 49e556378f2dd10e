"""What other architectures become on the theorem's loss: FTRL, or the foresight that no model can beat?"""

from functools import partial

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("theorem_distances",)
VALUES = {
    "to_ftrl": "distance to FTRL\n(root mean square)",
    "to_foresight": "distance to the foresight\n(root mean square)",
}
YARDSTICKS = {"ftrl": "FTRL, eta of the closed form", "foresight": "foresight: E[best in hindsight | history]"}


def rows(theorem_distances: pd.DataFrame) -> tuple[pd.DataFrame]:
    """All of them."""
    return (theorem_distances,)


def draw(theorem_distances: pd.DataFrame) -> Figure:
    """From theorem_distances.csv: root mean square distance of policies at each step, on common histories."""
    if theorem_distances.empty:
        return style.empty("No distances of policies in the tables: nothing to draw.")
    names = style.unique(theorem_distances["policy"])
    tones = style.colours([name for name in names if name not in YARDSTICKS]) | dict.fromkeys(YARDSTICKS, style.INK)
    figure, grid = style.by_space(theorem_distances, VALUES, 5.4, partial(_panel, tones=tones))
    for axis in grid[-1]:
        axis.set_xlabel("step t")
    handles = {
        label: handle for axis in grid.flat for handle, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper center", ncols=3)
    models = theorem_distances[~theorem_distances["policy"].isin(list(YARDSTICKS))]
    first, seeds = theorem_distances.iloc[0], models["seed"].nunique()
    note = (
        f"d = {first['d']}, T = {first['T']}; thin: each of {seeds} seeds; thick: their means. All policies projected."
    )
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _panel(axis: Axes, rows: pd.DataFrame, value: str, tones: dict) -> None:
    """A line for each policy; a yardstick has none where it is measured against itself."""
    for name, tone in tones.items():
        here = rows[rows["policy"] == name]
        if here.empty or value == f"to_{name}":
            continue
        for _, line in here.groupby("seed", sort=False):
            axis.plot(line["step"], line[value], color=tone, lw=0.5, alpha=0.5)
        mean = here.groupby("step")[value].mean()
        dash = {"ftrl": "--", "foresight": ":"}.get(name, "-")
        axis.plot(mean.index, mean, color=tone, ls=dash, label=YARDSTICKS.get(name, name))
    axis.set_ylim(bottom=0)
