"""Losses: pretraining of the laptop model, then the SFT of every iteration."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rmft.figures import style

TABLES = ("learning_curves",)


def rows(learning_curves: pd.DataFrame) -> tuple[pd.DataFrame]:
    """Losses of language models: of pretraining and of fine-tuning."""
    return (learning_curves[learning_curves["stage"].isin(["pretrain", "sft"])],)


def draw(learning_curves: pd.DataFrame) -> Figure:
    """From learning_curves.csv."""
    pretrain = learning_curves[learning_curves["stage"] == "pretrain"]
    sft = learning_curves[learning_curves["stage"] == "sft"]
    pairs = style.pairs(sft)
    if pretrain.empty and not pairs:
        return style.empty("No losses in the tables: nothing to draw.")
    tones = style.colours(style.unique(sft["method"]))
    heights = [2.4] * (not pretrain.empty) + [2.4 * style.rows_of_panels(sft, pair) for pair in pairs]
    figure = Figure(figsize=(style.WIDTH, sum(heights) + 0.2), layout="constrained")
    bands = list(figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0])
    if not pretrain.empty:
        _pretrain(bands.pop(0).subplots(1, 1), pretrain)
    for band, pair in zip(bands, pairs, strict=True):
        here = style.of_pair(sft, pair)
        methods = style.unique(here["method"])
        axes = style.panels(band, len(methods))
        for axis, method in zip(axes, methods, strict=True):
            lines = here[here["method"] == method]
            _sft(axis, lines, tones[method])
            axis.set_title(style.title(lines, len(methods)))
            if style.starts_row(axis):
                axis.set_ylabel(f"SFT loss (nats per token)\n{pair[1]}, {pair[0]}")
        axes[-1].legend(loc="upper right")
    note = "SFT: one line for each seed; every iteration's data are its own policy's."
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
    axis.set_xticks(range(int(rows["iteration"].max()) + 1))
    axis.set_xlabel(f"iteration ({epochs:g} epochs each)")
