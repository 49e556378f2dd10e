"""status: what has become of every cell of the grid, beside a running workflow or without one.

    python -m rmft.stages.status --configs config.yaml config.laptop.yaml [--watch]

Reads the names of files alone: results, the marks that the engine leaves while it makes a file, and the logs of what failed.
"""

import argparse
import os
import sys
import time
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

from rmft.stages import expected, finished, grid, program
from rmft.stages.check_config import complaint
from rmft.stages.config_files import read_configs
from rmft.stages.plan import said

# State and mark; a cell has the first of them that one of its files has, and part where some files are done.
MARKS = {"failed": "!", "running": ">", "queued": "q", "part": "+", "missing": ".", "done": "#"}
# Which stage makes what of a cell, in order.
POLICY = {"policy.json": "sft", "heldout.parquet": "rollout_heldout", "evaluation.parquet": "evaluate"}
ROLLOUT = {"trajectories.parquet": "rollout", "regret.parquet": "score"}
CHOSEN = {"selected.jsonl": "select"}
FIRST = {"pretrain": "base_policy", "numeric": "untrained_policy"}  # by what the base policy is made, ready_policy else
REASONS, PROBES = {"reasoning.parquet": "reason"}, {"probes.jsonl": "probe"}  # of models in words
PERIOD = 5  # seconds between two looks


@dataclass(frozen=True)
class Made:
    """A file of a cell and the stage that makes it."""

    path: str
    stage: str

    @property
    def log(self) -> str:
        """The log of the stage."""
        cell = self.path.removeprefix("results/cells/").rpartition("/")[0]
        return f"results/logs/{self.stage}/{cell}.log"

    @property
    def place(self) -> str:
        """Where the stage's seconds are written, below the folder of benchmarks, less .tsv."""
        return self.log.removeprefix("results/logs/").removesuffix(".log")


@dataclass(frozen=True)
class Folder:
    """The files of a workflow: ``results``, ``logs`` and ``marked``, those that the engine was last seen making."""

    root: Path

    @cached_property
    def results(self) -> set[str]:
        """Every file of a cell."""
        return {f"results/cells/{name}" for name in finished.files(self.root / "results/cells")}

    @cached_property
    def logs(self) -> set[str]:
        """Every log."""
        return {f"results/logs/{name}" for name in finished.files(self.root / "results/logs")}

    @cached_property
    def marked(self) -> set[str]:
        """Files that have been begun, or handed to a cluster, and not ended."""
        return set(_marked(self.root / ".snakemake/incomplete"))

    @cached_property
    def locked(self) -> bool:
        """Whether a workflow runs here."""
        locks = self.root / ".snakemake/locks"
        return locks.is_dir() and any(locks.iterdir())

    def state(self, made: Made) -> str:
        """What has become of a file."""
        if self.locked and made.path in self.marked:
            return "running" if made.log in self.logs else "queued"
        if made.path in self.results and made.path not in self.marked:
            return "done"
        return "failed" if made.log in self.logs else "missing"


def _marked(folder: Path) -> Iterator[str]:
    """The paths in the engine's marks: base64, in parts that begin with @ where it is long."""
    for path in folder.rglob("*"):
        text = "".join(part.removeprefix("@") for part in path.relative_to(folder).parts)
        if not path.name.startswith("@"):
            try:
                yield urlsafe_b64decode(text).decode()
            except (NotBase64, UnicodeDecodeError):
                continue


def cells(config: dict, run: dict) -> list[list[Made]]:
    """What the cells of a run consist of, by iteration; those of the base policy are shared by several runs."""
    where = {key: run[key] for key in ("model", "task", "method", "seed")}
    kind, n, found = config["models"][run["model"]]["kind"], run["iterations"], []
    base = {"policy.json": FIRST.get(kind, "ready_policy")}
    for t in range(n + 1):
        spoken = {} if kind == "numeric" else REASONS | (PROBES if t in (0, n) else {})
        parts = [(grid.policy_cell(**where, iteration=t), POLICY | spoken | ({} if t else base))]
        if t < n:
            parts += [
                (grid.rollout_cell(config, **where, iteration=t), ROLLOUT),
                (grid.own(**where, iteration=t), CHOSEN),
            ]
        found.append([Made(f"{folder}/{name}", stage) for folder, made in parts for name, stage in made.items()])
    return found


def state_of(states: list[str]) -> str:
    """The state of a cell from those of its files."""
    return "part" if {*states} == {"missing", "done"} else next(state for state in MARKS if state in states)


def last_line(path: Path) -> str:
    """The last line of a log that says anything."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 4096))
            lines = log.read().decode(errors="replace").replace("\r", "\n").split("\n")
    except OSError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "(an empty log)")


def rest(waiting: set[Made], config: dict, benchmarks: Path) -> float:
    """Core-seconds of what is not done, from what finished jobs like it took."""

    def second(place: str) -> float:
        return expected.seconds(config, place)

    took = finished.seconds(benchmarks, second)
    alike = Counter(made.place.rsplit("/", 2)[0] for made in waiting)  # but for seed and iteration
    each = [(n * second(place), took(place)) for place, n in alike.items()]
    return sum(seconds * (1.0 if ratio is None else ratio) for seconds, ratio in each)


def lines(config: dict, root: Path, cores: int) -> list[str]:
    """A line for each model x task x method, a word for each seed, a mark for each iteration; then what failed; the ETA."""
    folder, shown, states = Folder(root), [], {}
    runs = list(grid.runs(config))
    width = max(len(" ".join((run["model"], run["task"], run["method"]))) for run in runs)
    for name, group in groupby(runs, key=lambda run: f"{run['model']} {run['task']} {run['method']}"):
        words = []
        for run in group:
            found = cells(config, run)
            states |= {made: folder.state(made) for cell in found for made in cell if made not in states}
            words.append("".join(MARKS[state_of([states[made] for made in cell])] for cell in found))
        shown.append(f"{name:{width}}  {' '.join(words)}")
    count = Counter(states.values())
    total = ", ".join(f"{count[state]:,} {state}" for state in MARKS if count[state])
    failed = [made for made, state in states.items() if state == "failed"]
    waiting = {made for made, state in states.items() if state != "done"}
    legend = ", ".join(f"{mark} {state}" for state, mark in MARKS.items())
    more = [f"! {made.log}: {last_line(root / made.log)}" for made in failed[:10]]
    more += [f"! and {len(failed) - 10} more"] * (len(failed) > 10)
    left = (
        f"about {said(rest(waiting, config, root / 'results/benchmarks') / cores)} on {cores} cores"
        if waiting
        else "none"
    )
    running = "a workflow runs here" if folder.locked else "no workflow runs here"
    return [*shown, legend, *more, f"{len(states):,} files of cells: {total}; to go: {left}; {running}"]


def work(args: argparse.Namespace) -> None:
    """Print the status, once or until stopped."""
    config = read_configs(args.configs)
    if wrong := complaint(config):
        raise ValueError(f"config: {wrong}")
    while True:
        text = "\n".join(lines(config, args.root, args.cores))
        print(f"\x1b[H\x1b[2J{text}" if args.watch else text, flush=True)
        if not args.watch:
            return
        time.sleep(PERIOD)


def main(argv: list[str] | None = None) -> int:
    """The program."""
    parser = argparse.ArgumentParser(prog="status", description="What has become of every cell of the grid.")
    parser.add_argument("--configs", type=Path, nargs="+", required=True, help="config files, later over earlier ones")
    parser.add_argument("--root", type=Path, default=Path(), help="the folder that the workflow runs in")
    parser.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="cores or cluster jobs side by side, for the ETA"
    )
    parser.add_argument("--watch", action="store_true", help=f"look again every {PERIOD} seconds, until Ctrl-C")
    try:
        return program.run(parser, work, argv)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
