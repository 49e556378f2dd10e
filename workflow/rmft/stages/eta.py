"""eta: how long the jobs of a plan will take, from what finished jobs like them took.

    snakemake --dry-run | python -m rmft.stages.eta --benchmarks results/benchmarks

A job is like those that finished nearest to it in the tree of benchmarks: of its own cell, else its method, its task, its
model, its rule.
"""

import argparse
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import mean

from rmft.stages import program

JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)
# Seconds of a job of each rule where none has finished yet: the averages of the run that README.md describes.
GUESSES = {
    "pretrain": 235,
    "rollout": 20,
    "rollout_heldout": 40,
    "sft": 19,
    "probe": 13,
    "tables": 4,
    "draw": 2,
}
GUESS = 1  # of all other rules


@dataclass(frozen=True)
class Job:
    """A job of the plan: its rule, its threads, and its file below the folder of benchmarks (none: it takes no time)."""

    rule: str
    threads: int
    benchmark: Path | None


def read_plan(text: str) -> list[Job]:
    """The jobs that a dry run lists. Raises ValueError where the text is no dry run's."""
    jobs = []
    for rule, body in JOB.findall(text):
        said = dict(re.findall(r"^    (\w+): (.*)$", body, re.MULTILINE))
        _, below, file = said.get("benchmark", "").partition("benchmarks/")
        jobs.append(Job(rule, int(said.get("threads", 1)), Path(file) if below else None))
    if not jobs and "Nothing to be done" not in text:
        raise ValueError("stdin: no plan of jobs; pipe `snakemake --dry-run` into this")
    return jobs


def read_seconds(root: Path) -> dict[Path, float]:
    """Mean seconds of the finished jobs below every folder of the benchmarks, and of each by its file; relative paths."""
    found: dict[Path, list[float]] = {}
    for path in root.rglob("*.tsv"):
        seconds, file = _seconds(path), path.relative_to(root)
        for place in (file, *file.parents[:-1]):
            found.setdefault(place, []).append(seconds)
    return {place: mean(each) for place, each in found.items()}


def _seconds(path: Path) -> float:
    """The first number below the heading of a benchmark. Raises ValueError, naming the file."""
    try:
        return float(path.read_text(encoding="utf-8").splitlines()[1].split("\t")[0])
    except (IndexError, ValueError):
        raise ValueError(f"{path}: no benchmark with its seconds first; delete it") from None


def nearest(job: Job, measured: dict[Path, float]) -> float | None:
    """Seconds of the finished jobs nearest to this one; None where its rule has none."""
    places = (job.benchmark, *job.benchmark.parents)
    return next((measured[place] for place in places if place in measured), None)


def table(jobs: list[Job], measured: dict[Path, float]) -> tuple[list[str], float]:
    """A line for each rule, and the core-seconds of all jobs."""
    count, known, work = Counter(), Counter(), Counter()
    for job in jobs:
        seconds = nearest(job, measured)
        count[job.rule] += 1
        known[job.rule] += seconds is not None
        work[job.rule] += job.threads * (GUESSES.get(job.rule, GUESS) if seconds is None else seconds)
    lines = [f"{'rule':16}{'jobs':>6}{'core s each':>13}  from"]
    for rule, n in count.items():
        source = "a guess" if not known[rule] else f"finished jobs{'' if known[rule] == n else ', and a guess'}"
        lines.append(f"{rule:16}{n:>6}{work[rule] / n:>13.1f}  {source}")
    return lines, sum(work.values())


def said(seconds: float) -> str:
    """A duration in hours and minutes."""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"


def work(args: argparse.Namespace) -> None:
    """Print the jobs by rule and when the last of them will have ended."""
    if args.cores < 1:
        raise ValueError(f"--cores: must be 1 or more, not {args.cores}")
    jobs = [job for job in read_plan(sys.stdin.read()) if job.benchmark]
    if not jobs:
        print("Nothing to do: every job is done.")
        return
    lines, core_seconds = table(jobs, read_seconds(args.benchmarks))
    wall = core_seconds / args.cores
    end = datetime.now() + timedelta(seconds=wall)
    print(*lines, f"{len(jobs)} jobs on {args.cores} cores: about {said(wall)}, until {end:%A %H:%M}", sep="\n")


def main(argv: list[str] | None = None) -> int:
    """The stage's command line."""
    parser = argparse.ArgumentParser(prog="eta", description="How long a plan on stdin will take.")
    parser.add_argument("--benchmarks", type=Path, required=True, help="the folder of what finished jobs took")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parser.add_argument("--cores", type=int, default=cores, help="cores that run jobs side by side; default: all")
    return program.run(parser, work, argv)


if __name__ == "__main__":
    sys.exit(main())
