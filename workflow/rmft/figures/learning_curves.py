"""Losses: pretraining of the laptop model, then the SFT of every iteration."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("learning_curves",)


def draw(learning_curves: pd.DataFrame) -> Figure:
    """From learning_curves.csv."""
    pretrain = learning_curves[learning_curves["stage"] == "pretrain"]
    sft = learning_curves[learning_curves["stage"] == "sft"]
    pairs = style.pairs(sft)
    if pretrain.empty and not pairs:
        return style.empty("No losses in the tables: nothing to draw.")
    methods = style.unique(sft["method"])
    rows = len(pairs) + (not pretrain.empty)
    figure = Figure(figsize=(style.WIDTH, 2.4 * rows + 0.2), layout="constrained")
    bands = list(figure.subfigures(rows, 1, squeeze=False)[:, 0])
    if not pretrain.empty:
        _pretrain(bands.pop(0).subplots(1, 1), pretrain)
    for band, pair in zip(bands, pairs, strict=True):
        axes = band.subplots(1, len(methods), sharey=True, squeeze=False)[0]
        for axis, method in zip(axes, methods, strict=True):
            here = style.of_pair(sft, pair)
            _sft(axis, here[here["method"] == method], style.colours(methods)[method])
        axes[0].set_ylabel(f"SFT loss (nats per token)\n{pair[1]}, {pair[0]}")
        axes[-1].legend(loc="upper right")
    seeds = sft["seed"].nunique()
    note = f"SFT: {seeds} seed{'s' * (seeds != 1)}, one line each; every iteration's data are its own policy's."
    figure.supxlabel(note, fontsize=7, color=style.GREY)
    return figure


def _pretrain(axis: Axes, rows: pd.DataFrame) -> None:
    """Loss against tokens, one line for each pretrained model."""
    models = style.unique(rows["model"])
    for model, colour in style.colours(models).items():
        line = rows[rows["model"] == model]
        axis.plot(line["x"] / 1e6, line["loss"], color=colour, label=f"model {model}")
        axis.annotate(
            f"{line['loss'].iloc[-1]:.3f}",
            (line["x"].iloc[-1] / 1e6, line["loss"].iloc[-1]),
            xytext=(3, 3),
            textcoords="offset points",
            fontsize=7,
            ha="right",
            va="bottom",
        )
    axis.set_title("Pretraining")
    axis.set_xlabel("training tokens (millions)")
    axis.set_ylabel("loss (nats per token)")
    axis.legend(loc="upper right")


def _sft(axis: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Epochs of successive iterations laid end to end: training solid, validation dashed."""
    epochs = rows["x"].max()
    for (_, iteration, split), line in rows.groupby(["seed", "iteration", "split"], sort=False):
        x = iteration - 1 + line["x"] / epochs
        dash = "-" if split == "train" else (0, (3, 1.2))
        axis.plot(x, line["loss"], color=colour if split == "train" else style.INK, ls=dash, lw=1.0)
    axis.plot([], [], color=style.GREY, label="training")
    axis.plot([], [], color=style.INK, ls=(0, (3, 1.2)), label="validation")
    axis.set_title(style.title(rows))
    axis.set_xticks(range(int(rows["iteration"].max()) + 1))
    axis.set_xlabel(f"iteration ({epochs:g} epochs each)")
