"""The loop, drawn: rollout, score, select, fine-tune, and again; every policy is evaluated. With this run's numbers."""

import re
from dataclasses import dataclass

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

from rmft.figures import style

TABLES = ("selection",)
HIGH, TOP = 0.95, 0.95  # inches: of a box; from the upper edge to the boxes
SHOWN = 12  # lines of numbers at most


@dataclass(frozen=True)
class Box:
    """A box of the drawing: where it stands (inches from the left and from the upper edge), and what it says."""

    left: float
    down: float
    wide: float
    title: str
    text: str
    colour: str


def rows(selection: pd.DataFrame) -> tuple[pd.DataFrame]:
    """The first selection of every method by every model on every task, seeds pooled."""
    return (selection[(selection["seed"] == "all") & (selection["iteration"] >= 0)],)


def draw(selection: pd.DataFrame) -> Figure:
    """From selection.csv."""
    (shown,) = rows(selection)
    if shown.empty:
        return style.empty("No selection in the tables: nothing to draw.")
    runs = sizes(shown)
    lines = [_line(run) for run in runs[:SHOWN]]
    if len(runs) > SHOWN:
        lines.append(f"... and {len(runs) - SHOWN} more in selection.csv")
    height = 3.75 + 0.15 * len(lines)
    figure = Figure(figsize=(style.WIDTH, height))
    for box in _boxes(runs[0]):
        _box(figure, box, height)
    _arrows(figure, height)
    _write(figure, 0.15, 3.38, "In this run", height, fontsize=8, fontweight="bold")
    for i, line in enumerate(lines):
        _write(figure, 0.15, 3.58 + 0.15 * i, line, height, fontsize=6.6, color=style.GREY)
    return figure


def sizes(shown: pd.DataFrame) -> list[dict]:
    """Of each model, task and loop of one size: M, L, k, N, and the methods that have it.

    A label says k; selected = M k and trajectories = M L follow, but where k is of a whole task's pool.
    """
    found: dict[tuple, dict] = {}
    for (model, task, method), part in shown.groupby(["model", "task", "method"], sort=False):
        first = part.sort_values("iteration").iloc[0]
        known = re.search(r"\bk=(\d+)", first["label"])
        pooled = known is None or "pool" in first["label"]
        M = None if pooled else int(first["selected"]) // int(known[1])
        L = int(first["trajectories"]) // M if M else None
        size = {"M": M, "L": L, "k": known[1] if known else None, "N": int(part["iteration"].max()) + 1}
        size |= {"trajectories": int(first["trajectories"]), "selected": int(first["selected"])}
        key = (model, task, *size.values())
        found.setdefault(key, {"model": model, "task": task, **size, "methods": []})["methods"].append(method)
    return list(found.values())


def _line(run: dict) -> str:
    """The numbers of a loop in words."""
    if run["M"]:
        size = f"M = {run['M']:,}, L = {run['L']}, k = {run['k']}, N = {run['N']}"
    else:
        size = f"{run['selected']:,} of {run['trajectories']:,} trajectories, N = {run['N']}"
    return f"{run['task']}, model {run['model']}: {size}   ({', '.join(run['methods'])})"


def _boxes(run: dict) -> list[Box]:
    """The stations of the loop, the first loop's numbers in them."""
    many = (
        f"M = {run['M']:,} scenarios\nx L = {run['L']} times each,"
        if run["M"]
        else f"{run['trajectories']:,} episodes,"
    )
    kept = f"the k = {run['k']} best of\neach scenario" if run["M"] else f"the {run['selected']:,} best"
    blue, green, pink, orange = (style.OKABE_ITO[i] for i in (1, 2, 3, 0))
    words = [
        ("policy t", "a language model\nor a network;\nt = 0: as it was", style.INK),
        ("rollout", f"plays {many}\nat temperature 1", blue),
        ("score", "regret of every\ntrajectory, by its\nenvironment", green),
        ("select", f"keep {kept}", pink),
        ("fine-tune", "cross-entropy on\nits own words,\nreasoning and action", orange),
    ]
    loop = [Box(0.15 + 1.5 * i, TOP, 1.28, *what) for i, what in enumerate(words)]
    held = "new scenarios, the same for all policies, t = 0..N:\nregret, exploration, reasoning"
    return [*loop, Box(0.15, 2.3, 2.78, "evaluate", held, style.OKABE_ITO[5])]


def _box(figure: Figure, box: Box, height: float) -> None:
    """A frame with a title and lines."""
    high = HIGH if box.down == TOP else 0.68
    corner = (box.left, height - box.down - high)
    look = {"boxstyle": "round,pad=0,rounding_size=0.08", "fc": "white", "ec": box.colour, "lw": 1.4}
    figure.add_artist(FancyBboxPatch(corner, box.wide, high, transform=figure.dpi_scale_trans, **look))
    middle = box.left + box.wide / 2
    _write(figure, middle, box.down + 0.17, box.title, height, color=box.colour, fontweight="bold", ha="center")
    _write(figure, middle, box.down + 0.55 * high + 0.08, box.text, height, fontsize=6.8, ha="center")


def _write(figure: Figure, x: float, down: float, text: str, height: float, **look: object) -> None:
    """Text at inches from the left and from the upper edge."""
    figure.text(x, height - down, text, transform=figure.dpi_scale_trans, va="center", **look)


def _arrows(figure: Figure, height: float) -> None:
    """From station to station, back to the start over the top, and down to the evaluation."""
    middle = TOP + HIGH / 2
    for i in range(4):
        _arrow(figure, (1.43 + 1.5 * i, middle), (1.65 + 1.5 * i, middle), height)
    start, end = (6.79, TOP), (0.79, TOP)
    _arrow(figure, start, end, height, connectionstyle="bar,fraction=0.075", lw=1.6)
    back = "policy t + 1 replaces policy t;  N times"
    _write(figure, 3.79, 0.28, back, height, fontsize=8, fontweight="bold", ha="center")
    _arrow(figure, (0.79, TOP + HIGH), (0.79, 2.3), height)


def _arrow(figure: Figure, start: tuple, end: tuple, height: float, **look: object) -> None:
    """An arrow between points, inches from the left and from the upper edge."""
    (x, y), (to_x, to_y) = start, end
    style_of = {"arrowstyle": "-|>", "mutation_scale": 11, "color": style.INK, "shrinkA": 0, "shrinkB": 0, "lw": 1.2}
    points = {"posA": (x, height - y), "posB": (to_x, height - to_y)}
    figure.add_artist(FancyArrowPatch(**points, transform=figure.dpi_scale_trans, **style_of | look))
