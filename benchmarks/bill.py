"""How near `make plan` comes to what the last whole `make reproduce` then used: with nothing finished, and with the cells of
half of its runs deleted, which ones by chance."""

import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import ROOT, Row, number

from rmft.stages import finished, plan
from rmft.stages.config_files import read_configs
from rmft.stages.dry_run import Job, read_plan

PARTS = ("Snakefile", "config.yaml", "config.laptop.yaml", "profiles", "workflow")
RESULTS = ROOT / "results"
SEEDS = (0, 1, 2)  # of what is deleted
LIMITS = {
    "jobs": (15, 1),
    "core hours": (25, 3600),
    "tokens told": (15, 1),
    "tokens sampled": (15, 1),
    "bytes": (None, 1),
}


def planned(folder: Path) -> list[Job]:
    """The jobs that a dry run lists, by what is missing and not by who made the rest."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--rerun-triggers", "mtime"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    done = subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)
    return [job for job in read_plan(done.stdout) if job.place]


def expected(jobs: list[Job], folder: Path) -> list[float]:
    """Jobs, core-seconds, tokens told and sampled, and bytes by the plan."""
    costs = plan.costs(jobs, read_configs(ROOT / name for name in PARTS[1:3]), folder / "results")
    return [len(jobs), *(sum(getattr(c, key) for c in costs) for key in ("core_seconds", "prompt", "sampled", "bytes"))]


def used(jobs: list[Job]) -> list[float]:
    """The same of the run."""
    places = finished.of_places(RESULTS)
    benchmarks = {job.place: RESULTS / f"benchmarks/{job.place}.tsv" for job in jobs}
    there = [job for job in jobs if benchmarks[job.place].exists()]
    seconds = sum(job.threads * finished.read_seconds(str(benchmarks[job.place])) for job in there)
    played = [RESULTS / places[job.place][0] for job in there if job.place.startswith("rollout")]
    tokens = [
        sum(finished.read_tokens(path, column) for path in played) for column in ("tokens_prompt", "tokens_sampled")
    ]
    return [
        len(there),
        seconds,
        *tokens,
        sum((RESULTS / name).stat().st_size for j in there for name in places.get(j.place, [])),
    ]


def half(folder: Path, seed: int) -> list[Job]:
    """Delete the cells of half of the runs, and of what remains all that would be made again; what that is."""
    shutil.copytree(RESULTS, folder / "results")
    runs = sorted((folder / "results/cells").glob("*/*/*/seed*"))
    for run in random.Random(seed).sample(runs, len(runs) // 2):
        shutil.rmtree(run)
    jobs = planned(folder)
    for job in jobs:
        for path in (f"results/benchmarks/{job.place}.tsv", *job.outputs):
            (folder / path).unlink(missing_ok=True)
    return jobs


def rows() -> list[Row]:
    """A row for each amount and each state."""
    if not (RESULTS / "report.html").exists():
        return []
    found = []
    for seed in (None, *SEEDS):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for part in PARTS:
                (folder / part).symlink_to(ROOT / part)
            jobs = planned(folder) if seed is None else half(folder, seed)
            state = "nothing finished" if seed is None else f"half finished ({seed})"
            found += compared(state, expected(jobs, folder), used(jobs))
    return found


def compared(state: str, ours: list[float], run: list[float]) -> list[Row]:
    """The rows of a state; the ratio is the distance in percent."""
    made = []
    for (what, (limit, unit)), a, b in zip(LIMITS.items(), ours, run, strict=True):
        said = [number(value / unit) if unit > 1 else f"{value:,.0f}" for value in (a, b)]
        bound = f"at most {limit}" if limit else ""
        made.append(
            Row(f"`make plan`, {state}: {what} of the run", *said, 100 * abs(a / b - 1), bound, "ratio: percent off")
        )
    return made
