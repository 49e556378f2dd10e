"""Learnt read-outs beside the closed form, matrix by matrix."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("theorem_matrices",)
COLUMNS = {"learnt": "learnt", "closed_form": "closed form", "difference": "learnt less closed form"}


def rows(theorem_matrices: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Of each space and covariance the largest d and T, at the first s and seed."""
    kinds = [_one(part) for _, part in theorem_matrices.groupby(["space", "covariance"], sort=False)]
    return (pd.concat(kinds) if kinds else theorem_matrices,)


def draw(theorem_matrices: pd.DataFrame) -> Figure:
    """From theorem_matrices.csv: of each space and covariance the largest d and T, at the first s and seed."""
    table = theorem_matrices.assign(difference=theorem_matrices["learnt"] - theorem_matrices["closed_form"])
    kinds = list(dict.fromkeys(zip(table["space"], table["covariance"], strict=True)))
    if not kinds:
        return style.empty("No matrices in the tables: nothing to draw.")
    figure = Figure(figsize=(style.WIDTH, 2.35 * len(kinds) + 0.3), layout="constrained")
    grid = figure.subplots(len(kinds), 3, squeeze=False)
    for axes, (space, covariance) in zip(grid, kinds, strict=True):
        rows = _one(table[(table["space"] == space) & (table["covariance"] == covariance)])
        top = float(rows["closed_form"].abs().max())
        for axis, (column, title) in zip(axes, COLUMNS.items(), strict=True):
            image = _panel(axis, rows, column, top)
            axis.set_title(title)
        axes[0].set_ylabel(f"{space}, {covariance}\narm of the policy")
        figure.colorbar(image, ax=list(axes), shrink=0.85, pad=0.02).ax.set_xlabel("V")
    first = rows.iloc[0]
    note = f"d = {first['d']}, T = {first['T']}, s = {first['s']:g}, seed {first['seed']}; one colour scale in a row."
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _one(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of one matrix."""
    rows = rows[rows["d"] == rows["d"].max()]
    rows = rows[rows["T"] == rows["T"].max()]
    return rows[(rows["s"] == rows["s"].iloc[0]) & (rows["seed"] == rows["seed"].iloc[0])]


def _panel(axis: Axes, rows: pd.DataFrame, column: str, top: float) -> object:
    """One matrix, its numbers written in where there is room."""
    matrix = rows.pivot_table(index="i", columns="j", values=column).to_numpy()
    image = axis.imshow(matrix, cmap="RdBu_r", vmin=-top, vmax=top)
    axis.grid(False)
    axis.set_xticks(range(len(matrix)), [str(i + 1) for i in range(len(matrix))])
    axis.set_yticks(range(len(matrix)), [str(i + 1) for i in range(len(matrix))])
    axis.set_xlabel("arm of the reward")
    for (i, j), value in np.ndenumerate(matrix) if len(matrix) <= 4 else ():
        dark = abs(value) > 0.6 * top
        axis.text(j, i, f"{value:.4f}", ha="center", va="center", fontsize=6.5, color="white" if dark else style.INK)
    return image
