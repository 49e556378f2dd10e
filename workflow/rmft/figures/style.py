"""How every figure looks: colours safe for the colour-blind, type readable in print, the same bytes on every draw."""

from collections.abc import Callable, Iterable
from textwrap import wrap

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.patheffects import withStroke

Pair = tuple[str, str]

WIDTH = 7.6  # inches: a page's text width
INK, GREY, FAINT = "#222222", "#6b6b6b", "#b5b5b5"
OKABE_ITO = ["#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#999933"]
HALO = [withStroke(linewidth=2, foreground="white")]
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "p"]
FIRST = ("rmft", "rmft-information", "random-k")  # the methods of every door
ABREAST = 4  # panels side by side at most
PRIMARY_SUITE = "in-distribution"

RC = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#ececec",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "text.color": INK,
    "axes.labelcolor": INK,
    "legend.fontsize": 7.2,
    "legend.facecolor": "white",
    "legend.edgecolor": "none",
    "legend.framealpha": 0.85,
    "lines.linewidth": 1.4,
    "figure.facecolor": "white",
    "figure.dpi": 200,  # the same as when saved: text has another width at another resolution
    "savefig.dpi": 200,
    "pdf.fonttype": 42,
    "svg.hashsalt": "rmft",
    "path.simplify": False,
}
METADATA = {
    ".pdf": {"CreationDate": None, "ModDate": None, "Creator": None, "Producer": None},
    ".png": {"Software": None},
}


def apply() -> None:
    """Set matplotlib's defaults to this style, from a clean slate."""
    matplotlib.use("Agg")
    matplotlib.rcdefaults()
    matplotlib.rcParams.update(RC)


def places(methods: Iterable[str]) -> dict[str, int]:
    """A place for each method: that of FIRST for those, so that they look alike in all figures; for others their order."""
    methods = list(dict.fromkeys(methods))
    first = FIRST if set(FIRST) & set(methods) else ()
    order = [*first, *(m for m in methods if m not in first)]
    return {m: order.index(m) for m in methods}


def colours(methods: Iterable[str]) -> dict[str, str]:
    """A colour per method, by its place."""
    return {m: OKABE_ITO[i % len(OKABE_ITO)] for m, i in places(methods).items()}


def markers(methods: Iterable[str]) -> dict[str, str]:
    """A marker per method, by its place."""
    return {m: MARKERS[i % len(MARKERS)] for m, i in places(methods).items()}


def shades(colour: str, count: int) -> list[tuple[float, ...]]:
    """``count`` shades from pale to ``colour`` itself."""
    weight = np.linspace(0.35, 1.0, count) if count > 1 else np.array([1.0])
    return [tuple(1 - w * (1 - c) for c in to_rgb(colour)) for w in weight]


def unique(column: pd.Series) -> list:
    """The values of a column in the order in which they first stand."""
    return list(dict.fromkeys(column.dropna()))


def primary(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the suite that the policies were trained on."""
    return table[table["suite"] == PRIMARY_SUITE]


def policies(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of trained policies, in words or in numbers, the base policy as their iteration 0."""
    return table[table["kind"].isin(["policy", "numeric"])]


def worded(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of policies in words."""
    return table[table["kind"] == "policy"]


def numeric(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of policies in numbers."""
    return table[table["kind"] == "numeric"]


def baselines(table: pd.DataFrame, task: str) -> pd.DataFrame:
    """The rows of a task's model-free baselines, oracles among them."""
    return table[table["kind"].isin(["baseline", "oracle"]) & (table["task"] == task)]


def attainable(rivals: pd.DataFrame) -> pd.DataFrame:
    """The baselines that know nothing hidden: all but the oracles."""
    return rivals[rivals["kind"] == "baseline"]


def pairs(table: pd.DataFrame) -> list[Pair]:
    """The (model, task) pairs of a table, in the experiment's order."""
    return list(dict.fromkeys(zip(table["model"], table["task"], strict=True)))


def of_pair(table: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    """The rows of one (model, task) pair."""
    return table[(table["model"] == pair[0]) & (table["task"] == pair[1])]


def title(rows: pd.DataFrame, panels: int = 1) -> str:
    """The label of a method's rows: its name, then its constants on as many lines as ``panels`` side by side need."""
    name, _, constants = unique(rows["label"])[0].partition(" (")
    return "\n".join([name, *wrap(f"({constants}", max(16, 88 // panels))]) if constants else name


def measure(rows: pd.DataFrame) -> str:
    """The name of the regret of a task's rows: pseudo-regret, dynamic regret..."""
    return " / ".join(unique(rows["measure"]))


def rows_of_panels(table: pd.DataFrame, pair: Pair, abreast: int = ABREAST) -> int:
    """How many rows the panels of a pair's methods fill."""
    return -(-of_pair(table, pair)["method"].nunique() // abreast)


def panels(band: SubFigure, count: int, abreast: int = ABREAST) -> list[Axes]:
    """``count`` axes with one y axis in rows of equal length, no more than ``abreast`` each."""
    rows = -(-count // abreast)
    axes = band.subplots(rows, -(-count // rows), sharey=True, squeeze=False).ravel()
    for surplus in axes[count:]:
        surplus.remove()
    return list(axes[:count])


def starts_row(axis: Axes) -> bool:
    """Whether the axes are the leftmost of their row."""
    return axis.get_subplotspec().is_first_col()


def empty(message: str) -> Figure:
    """A figure that says why there is nothing to draw."""
    figure = Figure(figsize=(WIDTH, 1.2))
    figure.text(0.5, 0.5, message, ha="center", va="center", color=GREY)
    return figure


def stacked(
    of: list[Pair], height: Callable[[Pair], float], panel: Callable[[SubFigure, Pair], None], note: str
) -> Figure:
    """One band of panels for each (model, task) pair, ``height`` inches each, and a note beneath them all."""
    if not of:
        return empty("No cells in the tables: nothing to draw.")
    heights = [height(pair) for pair in of]
    figure = Figure(figsize=(WIDTH, sum(heights) + 0.25), layout="constrained")
    bands = figure.subfigures(len(of), 1, squeeze=False, height_ratios=heights)[:, 0]
    for band, pair in zip(bands, of, strict=True):
        band.suptitle(f"{pair[1]}, model {pair[0]}", fontsize=9.5, x=0.01, ha="left")
        panel(band, pair)
    figure.supxlabel(note, fontsize=7, color=GREY)
    return figure


def by_space(
    table: pd.DataFrame, values: dict[str, str], height: float, panel: Callable[[Axes, pd.DataFrame, str], None]
) -> tuple[Figure, np.ndarray]:
    """A figure of the theorem and its axes: a row for each value (a column and its name), a column for each space."""
    spaces = unique(table["space"])
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    grid = figure.subplots(len(values), len(spaces), sharex=True, sharey="row", squeeze=False)
    for axes, (value, name) in zip(grid, values.items(), strict=True):
        for axis, space in zip(axes, spaces, strict=True):
            panel(axis, table[table["space"] == space], value)
            axis.set_title(space)
        axes[0].set_ylabel(name)
    return figure, grid


def spread(heights: list[float], gap: float, low: float, high: float) -> list[float]:
    """Move labels apart by at least ``gap`` within [low, high], in their order, as little as a simple pass can."""
    order = np.argsort(heights, kind="stable")
    placed = np.array(heights, float)[order]
    for _ in range(200):
        short = gap - np.diff(placed)
        push = np.where(short > 1e-9, short / 2, 0)
        if not push.any():
            break
        placed[:-1] -= push
        placed[1:] += push
        placed = np.clip(placed, low, high)
    result = np.empty(len(placed))
    result[order] = placed
    return list(result)


def label_ends(axes: Axes, x: float, heights: list[float], labels: list[str], size: float = 6.5) -> None:
    """Write each line's label to the right of the axes, moved apart, with a thin leader to its end at ``x``."""
    low, high = axes.get_ylim()
    gap = (high - low) * size * 1.3 / 72 / 2.1
    right = axes.get_xlim()[1]
    for y, at, label in zip(heights, spread(heights, gap, low, high), labels, strict=True):
        axes.annotate(
            label,
            xy=(x, y),
            xytext=(right + (right - axes.get_xlim()[0]) * 0.06, at),
            fontsize=size,
            color=GREY,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.5, "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5)},
        )


def counts(table: pd.DataFrame) -> str:
    """How many episodes and seeds stand behind a table's policies, in words; seeds may differ by task."""
    own = policies(table)
    seeds = sorted({rows.nunique() for _, rows in own[own["seed"] != "all"].groupby(["model", "task"])["seed"]})
    episodes = sorted({int(n) for n in own.loc[own["seed"] != "all", "episodes"]})
    number, repeated = (" or ".join(f"{n:,}" for n in counted) for counted in (episodes, seeds))
    return f"{number} held-out episodes per policy and seed; {repeated} seed{'s' * (seeds[-1:] != [1])}"
