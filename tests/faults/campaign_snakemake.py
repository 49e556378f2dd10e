"""Snakemake and all its jobs really killed at random moments, then started again: the same bytes, nothing left over."""

import contextlib
import os
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from campaign_kills import cleared
from report import Count, say
from small_run import contents, environment, make, plan, snakemake

KILLS = 50  # in each round
SMALL = "results/cells/tiny/small/rmft/seed0"
SILENT = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def in_cells(folder: Path) -> dict[str, str]:
    """Digest of every file of a cell, by its name."""
    return {name: digest for name, digest in contents(folder) if "/cells/" in name}


def of_snakemake(kills: int, rng: random.Random) -> Count:
    """Snakemake and all that it started here killed at a random moment, unlocked, and the same command again."""
    count, target = Count("kills of Snakemake with its jobs"), f"{SMALL}/iter1/evaluation.parquet"
    again, needed = [], {target}
    for job in reversed(plan(Path())):
        if "/small/" in job.outputs[0] and needed & {*job.outputs}:
            again, needed = [job, *again], needed | {*job.inputs}
    command = snakemake("--cores", "2", "--rerun-incomplete", "--rerun-triggers", "mtime", "--quiet", "all", "--")
    whole = in_cells(Path())

    def begun() -> subprocess.Popen:
        for job in again:
            cleared(job)
        return subprocess.Popen([*command, target], env=environment(), start_new_session=True, **SILENT)

    begun_at = time.monotonic()
    if status := begun().wait():
        raise RuntimeError(f"Snakemake ends with {status} where nothing is wrong")
    seconds, hits = time.monotonic() - begun_at, 0
    while hits < kills:
        process, begun_at = begun(), time.monotonic()
        try:
            process.wait(rng.uniform(0, seconds))
            seconds = time.monotonic() - begun_at  # all of it takes no longer, today
            continue
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        hits += 1
        subprocess.run(snakemake("--unlock"), env=environment(), capture_output=True, check=False)
        done = subprocess.run([*command, target], env=environment(), capture_output=True, text=True, check=False)
        made = in_cells(Path())
        odd = sorted(name for name in made.keys() | whole.keys() if made.get(name) != whole.get(name))
        if done.returncode or odd:
            count.failed(f"status {done.returncode}, {odd[:2]}, {done.stderr[-300:]!r}")
        else:
            count.ended("survived SIGKILL of the group")
        if hits % 10 == 0:
            say(f"  {count.row('')}")
    return count


def counts(rounds: int, seed: int) -> list[Count]:
    """The campaign: a line."""
    with tempfile.TemporaryDirectory(prefix="rmft torture ") as name:
        make(Path(name) / "run")
        with contextlib.chdir(Path(name) / "run"):
            return [of_snakemake(KILLS * rounds, random.Random(seed))]
