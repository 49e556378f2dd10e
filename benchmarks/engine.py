"""What the workflow engine costs: how much of the machine's time in `make reproduce` was in no job, and how much of the
jobs' time went into starting Python. Read from results/benchmarks and the engine's own log of that run."""

import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import perf_counter

from laptop_model import CONFIG
from measure import ROOT, Row, number, seconds, table

RESULTS, LOGS = ROOT / "results/benchmarks", ROOT / ".snakemake/log"


@dataclass(frozen=True)
class Job:
    """A finished job: its rule, when it began and ended (seconds of the epoch), the cores that it took."""

    rule: str
    begin: float
    end: float
    cores: int


def job(path: Path) -> Job:
    """The job of one benchmark file, written when the job ended; its second line begins with the seconds."""
    rule, end = path.relative_to(RESULTS).with_suffix("").parts[0], path.stat().st_mtime
    spent = float(path.read_text().splitlines()[1].split("\t")[0])
    return Job(rule, end - spent, end, CONFIG["models"]["tiny"]["pretraining"]["workers"] if rule == "pretrain" else 1)


def runs() -> list[tuple[float, float, list[Job]]]:
    """Begin and end of each of the engine's runs, by its log's name and date, and the jobs in it."""
    jobs = [job(path) for path in RESULTS.rglob("*.tsv")]
    found = []
    for log in LOGS.glob("*.snakemake.log"):
        begin = datetime.strptime(log.name.split(".")[0], "%Y-%m-%dT%H%M%S").timestamp()
        end = log.stat().st_mtime
        found.append((begin, end, [job for job in jobs if begin <= job.end <= end + 1]))
    return found


def idle(begin: float, end: float, jobs: list[Job], cores: int) -> tuple[float, float]:
    """Core-seconds without a job: while no job ran at all, and while some ran beside free cores."""
    changes = sorted([(begin, 0), (end, 0)] + [c for j in jobs for c in ((j.begin, j.cores), (j.end, -j.cores))])
    alone = beside = busy = 0
    for (time, change), (after, _) in pairwise(changes):
        busy += change
        free = max(0, cores - busy) * (after - time)
        alone, beside = (alone + free, beside) if busy == 0 else (alone, beside + free)
    return alone, beside


def start_up(rule: str) -> float:
    """Seconds that the rule's interpreter takes until the stage's imports are done: the median of three."""
    stage = "rollout" if rule == "rollout_heldout" else rule
    command, times = [sys.executable, "-c", f"import rmft.stages.{stage}"], []
    for _ in range(3):
        start = perf_counter()
        subprocess.run(command, check=True)
        times.append(perf_counter() - start)
    return median(times)


def rows() -> list[Row]:
    """The share of the machine in no job, and the share of the jobs' time before their stage begins."""
    begin, end, jobs = max(runs(), key=lambda run: len(run[2]), default=(0.0, 0.0, []))
    if not {"pretrain", "report"} <= {job.rule for job in jobs}:
        return [
            Row("engine overhead of make reproduce", note="skipped: no whole run in results; `make reproduce` first")
        ]
    cores = len(os.sched_getaffinity(0))
    worked, there = sum((job.end - job.begin) * job.cores for job in jobs), (end - begin) * cores
    alone, beside = idle(begin, end, jobs, cores)
    if abs(alone + beside - (there - worked)) > 0.02 * there:
        return [Row("engine overhead of make reproduce", note="skipped: file times are not the run's own (a copy?)")]
    rules = {job.rule for job in jobs}
    starting = sum(start_up(rule) * sum(job.rule == rule for job in jobs) for rule in sorted(rules))
    note = (
        f"share of {cores} cores x {seconds(end - begin)} in none of {len(jobs)} jobs: {number(100 * alone / there)}% "
    )
    note += f"with no job at all, {number(100 * beside / there)}% beside a job, while no other was ready or started"
    first = Row(
        "engine: core time of jobs; core time there was", seconds(worked), seconds(there), 1 - worked / there, note=note
    )
    note = "share; interpreter and imports of each stage, measured now, times its jobs"
    return [
        first,
        Row(
            "start of Python in jobs; core time of jobs",
            seconds(starting),
            seconds(worked),
            starting / worked,
            note=note,
        ),
    ]


if __name__ == "__main__":
    print(table(rows()))
