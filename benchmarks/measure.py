"""A row of the table, and the one way to fill it: both sides in turn, in one run, the median of a few repeats."""

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
SCRATCH = ROOT / ".bench"


@dataclass(frozen=True)
class Row:
    """One comparison. ``limit``: the least ("at least 20") or the largest ("at most 5") ratio that will do; empty for
    none. ``ratio`` is None where there is nothing to compare; ``note`` then says why."""

    what: str
    ours: str = ""
    other: str = ""
    ratio: float | None = None
    limit: str = ""
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the ratio keeps its limit, and by what factor it misses it."""
        if self.ratio is None or not self.limit:
            return ""
        kind, bound = self.limit.rsplit(" ", 1)
        low, high = sorted((self.ratio, float(bound)))
        met = float(bound) == (low if kind == "at least" else high)
        return "yes" if met else f"no, by a factor of {high / low:.2f}"


def side_by_side(ours: Callable[[], float], other: Callable[[], float], repeats: int) -> tuple[float, float, float]:
    """Medians of both sides' seconds and of other / ours, over ``repeats`` turns of one after the other."""
    turns = [(ours(), other()) for _ in range(repeats)]
    return median(a for a, _ in turns), median(b for _, b in turns), median(b / a for a, b in turns)


def number(value: float) -> str:
    """Three digits, or as many as stand before the point."""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """A duration, in the unit that suits it."""
    return f"{number(value * 1000)} ms" if value < 1 else f"{number(value)} s"


def table(rows: Iterable[Row]) -> str:
    """The rows as one markdown table."""
    lines = ["| what | ours | other | ratio | limit | kept | note |", "|---|---|---|---|---|---|---|"]
    for row in rows:
        ratio = "" if row.ratio is None else number(row.ratio)
        cells = (row.what, row.ours, row.other, ratio, row.limit, row.verdict, row.note)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def say(text: str) -> None:
    """A line of progress."""
    print(text, file=sys.stderr, flush=True)
