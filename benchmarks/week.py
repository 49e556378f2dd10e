"""A week of the paper's grid on the test cluster, in minutes: every job sleeps for what finished jobs like it took, scaled,
nodes fail at random, and SLURM's own accounts say how busy the pretend GPUs were.

    make cluster-up && .venv/bin/python benchmarks/week.py --results results --minutes 15

The rules, the groups, the profile, the submissions and SLURM are the real ones; what plays and trains is not.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import yaml
from measure import ROOT, Row, number, say, seconds, table

from rmft.stages import timetable
from rmft.stages.config_files import read_configs
from rmft.stages.dry_run import read_plan
from rmft.stages.plan import costs, held, started, tasks

sys.path.insert(0, str(ROOT / "tests/cluster"))
from small_grid import Tree, ask, copy

GPUS, NODES = 8, ("gpu1", "gpu2")  # those of the type that the profile names
WEEK = 7 * 24 * 3600
TARGET = "results/tables/cells.csv"
# 18 chains of four iterations: 162 jobs with a GPU.
GRID = {
    "tasks": ["mab-gaussian", "fol-gaussian", "ns-abrupt"],
    "methods": ["rmft", "random-k"],
    "seeds": [0, 1, 2],
    "iterations": 4,
    "baselines": [],
    "calibration_tasks": [],
    "calibration_baselines": [],
    "instead": {task: {"models": ["tiny"], "baselines": []} for task in ("fol-gaussian", "ns-abrupt")},
    "suites": {task: [] for task in ("mab-gaussian", "fol-gaussian", "ns-abrupt")},
    "numbers": {"models": []},
}


@dataclass(frozen=True)
class Ran:
    """One start of a SLURM job with GPUs: when, by the clock in seconds, and how it ended."""

    begin: float
    end: float
    state: str
    gpus: int


def prepared(folder: Path) -> Tree:
    """The workflow with the grid of the week, and what stands in for the stages' interpreter."""
    tree = copy(folder)
    (folder / "week.yaml").write_text(yaml.safe_dump({"run": GRID}))
    profile = folder / "slurm/profile.v9+.yaml"
    profile.write_text(profile.read_text().replace("python: .venv/bin/python", "python: ./week_stand_in.sh"))
    for script in ("tests/workflow/stand_in.sh", "benchmarks/week_stand_in.sh"):
        shutil.copy2(ROOT / script, folder)
    return tree


def planned(tree: Tree, results: Path, wall: float) -> list[timetable.Task]:
    """The cluster jobs, scaled so that their GPUs are busy for ``wall`` seconds, and sleeps.tsv, which says so to them."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--configfile", "week.yaml", "--config", "door=cluster"]
    environment = os.environ | {"PYTHONPATH": str(tree.folder / "workflow")}
    said = subprocess.run([*command, "--", TARGET], cwd=tree.folder, env=environment, capture_output=True, check=True)
    config = read_configs(tree.folder / name for name in ("config.yaml", "week.yaml"))
    # Models off the shelf are not pretrained, and what has no GPU takes seconds of a week.
    works = [cost for cost in costs(held(read_plan(said.stdout.decode())), config, results) if cost.job.gpus]
    works = [replace(cost, seconds=0.0) if cost.job.rule == "pretrain" else cost for cost in works]
    scale = GPUS * wall / sum(cost.gpu_seconds for cost in works)
    works = [replace(cost, seconds=float(round(scale * cost.seconds))) for cost in works]
    sleeps = [f"{file}\t{cost.seconds:.0f}\n" for cost in works for file in cost.job.outputs[:1]]
    (tree.folder / "sleeps.tsv").write_text("".join(sleeps))
    return tasks(started(works))


@contextmanager
def failing_nodes(wall: float, *, rng: random.Random) -> Iterator[list[str]]:
    """Meanwhile a node fails about once in two simulated days, with all that runs on it, and is back after 2 to 6 hours."""
    hour, over, failed = wall / WEEK * 3600, threading.Event(), []

    def fail() -> None:
        while not over.wait(min(rng.expovariate(1 / (48 * hour)), 96 * hour)):
            node = rng.choice(NODES)
            failed.append(node)
            jobs = ask("squeue", "--noheader", f"--nodelist={node}", "--states=running", "--format=%i").split()
            ask("scontrol", "update", f"nodename={node}", "state=down", "reason=week")
            kill(set(jobs))
            over.wait(rng.uniform(2, 6) * hour)
            ask("scontrol", "update", f"nodename={node}", "state=resume")

    thread = threading.Thread(target=fail)
    thread.start()
    try:
        yield failed
    finally:
        over.set()
        thread.join()


def kill(jobs: set[str]) -> None:
    """End all that runs of SLURM jobs: to set their node down in the books ends nothing."""
    daemons = [
        p for p in psutil.process_iter(["name", "cmdline"]) if p.info["name"] == "slurmstepd" and p.info["cmdline"]
    ]
    for daemon in daemons:
        if daemon.info["cmdline"][0].partition("[")[2].partition(".")[0] in jobs:
            with suppress(psutil.NoSuchProcess):
                for process in [*daemon.children(recursive=True), daemon]:
                    with suppress(psutil.NoSuchProcess):
                        process.kill()


def nudge() -> None:
    """Start requeued jobs now: SLURM holds them back for two minutes, which scaled up would be a day."""
    for job in ask("squeue", "--noheader", "--states=pending", "--format=%i %r").splitlines():
        number_of_job, _, reason = job.partition(" ")
        if reason == "BeginTime":
            subprocess.run(["scontrol", "update", f"jobid={number_of_job}", "starttime=now"], check=False)


def ran(tree: Tree, since: str) -> list[Ran]:
    """Every start of every job of the workflow that had a GPU."""
    fields = ("-XnPD", f"--starttime={since}", "--format=start,end,state,alloctres,workdir")
    found = []
    for line in ask("sacct", *fields).splitlines():
        begin, end, state, held_by, folder = line.split("|")
        gpus = held_by.partition("gres/gpu=")[2].split(",")[0]
        if folder == str(tree.folder) and gpus and "Unknown" not in (begin, end):
            clock = (time.mktime(time.strptime(each, "%Y-%m-%dT%H:%M:%S")) for each in (begin, end))
            found.append(Ran(*clock, state.split()[0], int(gpus)))
    return found


def week(folder: Path, results: Path, wall: float, *, rng: random.Random) -> list[Row]:
    """Run it, and compare how long it took with the shortest that the work could have taken."""
    tree = prepared(folder)
    jobs = [job for job in planned(tree, results, wall) if job.gpus]
    since, begin = time.strftime("%Y-%m-%dT%H:%M:%S"), time.monotonic()
    with failing_nodes(wall, rng=rng) as failed:
        fast = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5")
        workflow = tree.snakemake("--profile", "slurm", "--configfile", "week.yaml", *fast, "--", TARGET)
        while workflow.poll() is None:
            time.sleep(2)
            nudge()
    took = time.monotonic() - begin
    if workflow.returncode:
        raise ValueError(f"the week ended with {workflow.returncode}:\n{(folder / 'said.txt').read_text()[-3000:]}")
    return judged(jobs, ran(tree, since), took, len(failed))


def judged(jobs: list[timetable.Task], starts: list[Ran], took: float, failures: int) -> list[Row]:
    """The rows: how long the week took against the bound, and what share of the GPUs' time was held and worked."""
    work = sum(job.seconds * job.gpus for job in jobs)
    taken = sum((start.end - start.begin) * start.gpus for start in starts)
    extra = max(0.0, taken - work) / len(starts)
    again = sum(start.state != "COMPLETED" for start in starts)
    note = f"{len(jobs)} GPU jobs, {failures} nodes failed, {again} jobs ended by it and were started again"
    rows = []
    for what, start in (("", 0.0), (f", with {seconds(extra)} of start in every job", extra)):
        longer = [replace(job, seconds=job.seconds + start) for job in jobs]
        chain = sum(longer[i].seconds for i in timetable.longest_chain(longer))
        bound = max(sum(job.seconds * job.gpus for job in longer) / GPUS, chain)
        name = f"a simulated week on {GPUS} GPUs: the bound by work and longest chain{what}"
        limit = "at least 0.85" if start else ""
        rows.append(Row(name, seconds(took), seconds(bound), bound / took, limit, note))
    held_share, worked = taken / (GPUS * took), work / (GPUS * took)
    rows.append(
        Row("the same: share of the GPUs' time held by jobs, and spent at work", number(held_share), number(worked))
    )
    return rows


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--results", type=Path, default=Path("results"), help="finished results, for the jobs' seconds")
    parser.add_argument("--minutes", type=float, default=15, help="what the week is scaled down to")
    parser.add_argument("--seed", type=int, default=0, help="of the nodes' failures")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rmft-week-") as name:
        say(f"a week in {args.minutes:g} minutes, in {name}")
        print(table(week(Path(name), args.results.resolve(), 60 * args.minutes, rng=random.Random(args.seed))))


if __name__ == "__main__":
    main()
