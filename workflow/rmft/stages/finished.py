"""What finished jobs took, told by place: rule/model/task/method/seed/iteration. The nearest to a job stand for it."""

import os
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

MOST = 8  # finished jobs of one place that are read, evenly among them [ours]
GRID = {"tables"}  # as large as the grid, which may have grown since: they say nothing of the next ones
# Which files are of which place.
CELL = r"cells/(.+/iter\d+)/"
PLACES = [
    (rf"{CELL}trajectories\.parquet", r"rollout/\1"),
    (rf"{CELL}heldout\.parquet", r"rollout_heldout/\1"),
    (rf"{CELL}regret\.parquet", r"score/\1"),
    (rf"{CELL}selected\.jsonl|{CELL}selection\.json", r"select/\1\2"),
    (rf"{CELL}evaluation\.parquet", r"evaluate/\1"),
    (r"cells/(.+/iter[1-9]\d*)/(?:policy|sft|model/|adapter/).*", r"sft/\1"),
    (r"baselines/(.+)\.(?:parquet|json)", r"baseline/\1"),
    (r"models/([^/]+)/.*", r"pretrain/\1"),
    (r"tables/.*", "tables"),
    (r"figures/(.+)\.\w+", r"draw/\1"),
    (r"report\.html", "report"),
]
_PLACES = [(re.compile(pattern), place) for pattern, place in PLACES]


def files(root: Path) -> Iterator[str]:
    """Every file below a folder, by its path from there."""
    start = len(os.path.join(root, ""))
    for folder, _, names in os.walk(root):
        below = f"{folder[start:]}/" if folder[start:] else ""
        yield from (below + name for name in names if not name.startswith("."))


def above(place: str) -> Iterator[str]:
    """The place, and all above it up to its rule."""
    while place:
        yield place
        place = place.rpartition("/")[0]


def nearest(
    places: Iterable[str], taken: Callable[[str], float], expected: Callable[[str], float]
) -> Callable[[str], float | None]:
    """What tells of a place the ratio of what the finished jobs nearest to it took to what was expected of them: those of
    its own cell, else its seed, method, task, model, rule. None where no job of its rule has finished, or nothing was
    expected of it."""
    ordered = sorted({*places} - GRID)

    def expected_of(place: str) -> float:
        """Nothing of a job that has finished under another config."""
        try:
            return expected(place)
        except KeyError:
            return 0.0

    @cache
    def ratio(place: str) -> float | None:
        """Of what is at or below a place."""
        own = slice(bisect_left(ordered, place), bisect_right(ordered, place))
        below = slice(bisect_left(ordered, f"{place}/"), bisect_left(ordered, f"{place}0"))  # 0 comes after /
        found = ordered[own] + ordered[below]
        some = {each: expected_of(each) for each in found[:: -(-len(found) // MOST) or 1]}
        whole = sum(some.values())
        return sum(taken(each) for each, size in some.items() if size) / whole if whole else None

    def of(place: str) -> float | None:
        return next((found for each in above(place) if (found := ratio(each)) is not None), None)

    return of


def seconds(root: Path, expected: Callable[[str], float]) -> Callable[[str], float | None]:
    """`nearest` for the seconds in a folder of benchmarks."""
    places = [name.removesuffix(".tsv") for name in files(root) if name.endswith(".tsv")]
    return nearest(places, lambda place: read_seconds(f"{root}/{place}.tsv"), expected)


def read_seconds(path: str) -> float:
    """The first number below the heading of a benchmark. Raises ValueError, naming the file."""
    try:
        with open(path, encoding="utf-8") as stream:
            return float(stream.read().splitlines()[1].split("\t")[0])
    except (IndexError, ValueError):
        raise ValueError(f"{path}: no benchmark with its seconds first; delete it") from None


def of_places(results: Path) -> dict[str, list[str]]:
    """The finished files of each place."""
    found: dict[str, list[str]] = {}
    for name in files(results):
        for pattern, place in _PLACES:
            if match := pattern.fullmatch(name):
                found.setdefault(match.expand(place), []).append(name)
                break
    return found


def sizes(results: Path, expected: Callable[[str], float]) -> Callable[[str], float | None]:
    """`nearest` for bytes."""
    found = of_places(results)
    return nearest(found, lambda place: sum((results / name).stat().st_size for name in found[place]), expected)


def tokens(results: Path, column: str, expected: Callable[[str], float]) -> Callable[[str], float | None]:
    """`nearest` for a column of tokens of finished play."""
    found = {place: names[0] for place, names in of_places(results).items() if place.startswith("rollout")}
    return nearest(found, lambda place: read_tokens(results / found[place], column), expected)


def read_tokens(path: Path, column: str) -> float:
    """The sum of a column. Raises ValueError, naming the file."""
    import pyarrow
    from pyarrow.parquet import read_table

    try:
        return sum(read_table(path, columns=[column])[column].to_pylist())
    except (pyarrow.ArrowException, KeyError) as error:
        raise ValueError(f"{path}: no finished play ({error}); delete it") from None
