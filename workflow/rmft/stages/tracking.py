"""tracking: who plays the arm that is best now where means move, by step and around a change of it.

A fifth of the horizon before the first change that has room, two fifths from it on [ours]. Policies are read from what they
played on held-out scenarios, baselines play the same scenarios again.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute

from rmft.core.policies import play
from rmft.core.seeding import generator
from rmft.core.statistics import intervals
from rmft.core.tasks import draw_heldout, task_from_config
from rmft.core.tracking import changes, played, window
from rmft.core.trajectory import Play
from rmft.stages import files, program
from rmft.stages.experiment import policy_cell
from rmft.stages.table_columns import COLUMNS, ROW, bounded
from rmft.stages.table_files import of_seeds, read_table, write_table

SUITE = "in-distribution"
RIVALS = ("baseline", "oracle")
VALUES = ["best", "former"]


@dataclass(frozen=True)
class Played:
    """What the rows of one policy are made of: shares of the best and of the former arm, E x T each; then the same around
    a change, E' x W each, W steps from ``first`` on."""

    by_step: np.ndarray
    by_since: np.ndarray
    first: int


def followed(of: Play) -> Played:
    """How a play follows its best arm."""
    pi, horizon = of.pi, of.actions.shape[1]
    found = changes(np.broadcast_to(of.means, (*of.actions.shape, of.means.shape[2])))
    by_step = np.concatenate([played(pi, found.best), played(pi, found.former)], axis=1)
    before = horizon // 5
    return Played(by_step, np.concatenate(window(pi, found, before, 2 * horizon // 5), axis=1), -before)


def of_policy(path: Path) -> Played:
    """The held-out episodes of a cell, on its task as it stands."""
    table = files.read_table(path, files.HELDOUT)
    table = table.filter(pyarrow.compute.equal(table["suite"], SUITE))
    if not table.num_rows:
        raise ValueError(f"{path}: holds no episode of the suite {SUITE}; delete it and roll out again")
    return followed(files.plays(table, path))


def of_baseline(path: Path, task: str, entry: dict, episodes: int) -> Played:
    """A baseline, as it was tuned, on the held-out scenarios that it was evaluated on."""
    settled = task_from_config(task, entry)
    heldout = draw_heldout(settled, policy=path.stem, scenarios=range(episodes))
    return followed(play(files.read_json(path, "entry")["entry"], settled, heldout))


@dataclass(frozen=True)
class Reader:
    """The results folder, the entries of its tasks, and how a cell's held-out file is read (once)."""

    results: Path
    tasks: dict[str, dict]
    read: Callable[[Path], Played]

    def parts(self, rows: pd.DataFrame) -> list[Played]:
        """What was played behind some rows of summary.csv, one for each seed."""
        return [self._one(row) for _, row in rows.iterrows()]

    def _one(self, row: pd.Series) -> Played:
        task, method = row["task"], row["method"]
        if row["kind"] in RIVALS:
            path = self.results / "baselines" / task / f"{method}.json"
            return of_baseline(path, task, self.tasks[task], row["episodes"])
        where = policy_cell(self.results, row["model"], task, method, row["seed"], row["iteration"])
        return self.read(where / "heldout.parquet")


def table(summary: pd.DataFrame, reader: Reader) -> pd.DataFrame:
    """Of every row of the summary on a task whose means move: the shares with 95% bootstrap intervals, clock by clock."""
    here = summary[(summary["suite"] == SUITE) & summary["task"].isin(list(reader.tasks))]
    frames = [pd.DataFrame(columns=COLUMNS["tracking"])]
    for _, row in here.iterrows():
        played = row.to_frame().T if row["kind"] in RIVALS else here[of_seeds(here, row)]
        frames += _lines(row, reader.parts(played))
    return pd.concat(frames[1:] or frames, ignore_index=True)[COLUMNS["tracking"]]


def _lines(row: pd.Series, parts: list[Played]) -> list[pd.DataFrame]:
    """Both clocks of one row; no episode may have had room around a change."""
    shares = {"step": [p.by_step for p in parts], "since": [p.by_since for p in parts]}
    starts = {"step": 1, "since": parts[0].first}
    return [_line(row, clock, groups, starts[clock]) for clock, groups in shares.items() if all(map(len, groups))]


def _line(row: pd.Series, clock: str, groups: list[np.ndarray], first: int) -> pd.DataFrame:
    """One clock of one row: a line for each step."""
    found = intervals(groups, rng=generator("tracking", *map(str, row[ROW]), clock))
    halves = np.split(found, 2)
    columns = dict(zip(bounded(*VALUES), np.concatenate(halves, axis=1).T, strict=True))
    steps = np.arange(first, first + len(halves[0]))
    return pd.DataFrame({**row[ROW], "episodes": len(groups[0]), "clock": clock, "step": steps, **columns})


def work(args: argparse.Namespace) -> None:
    """Read the cells and baselines of the tasks whose means move, and write their table."""
    path = args.tables / "experiment.json"
    try:
        entries = {name: suites[SUITE] for name, suites in files.read_json(path, "tasks")["tasks"].items()}
        tasks = {name: entry for name, entry in entries.items() if entry["environment"] == "ns-mab"}
    except (AttributeError, KeyError, TypeError) as error:
        raise files.broken(path, f"tasks: {error!r}") from None
    found = table(read_table(args.tables, "summary"), Reader(args.results, tasks, cache(of_policy)))
    write_table(args.output, found)


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="tracking", description=__doc__.splitlines()[0])
    parser.add_argument("--tables", type=Path, required=True, help="the folder of summary.csv and experiment.json")
    parser.add_argument("--results", type=Path, required=True, help="the folder of cells/ and baselines/")
    parser.add_argument("--output", type=Path, required=True, help="the CSV file to write")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
