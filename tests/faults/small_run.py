"""A whole run, small enough for a minute: the workflow's own jobs, taken from its dry run and done in this process."""

import contextlib
import hashlib
import importlib
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from report import ROOT, say

sys.path.insert(0, str(ROOT / "tests"))
from conftest import SHAPE, STEPS, TASK

LINKS = ("Snakefile", "config.yaml", "config.laptop.yaml", "workflow", "profiles")
CROWD = {"tasks": {"small": 1, "tiny-fol": 1}, "mixture": {"eps_greedy": 0.4}}
MODEL = {**SHAPE, "pretraining": {**STEPS, "crowd": CROWD}, "sft": {"epochs": 1, "batch": 8, "learning_rate": 0.003}}
SMALL_TASK = {key: value for key, value in TASK.items() if key != "name"}
FEW = {"seeds": [0], "steps": 5, "batch": 8}
NETWORK = {"width": 8, "heads": 2, "depth": 1, "sft": {"epochs": 1, "batch": 16}}
NUMBERS = {"tasks": ["tiny-fol"], "models": ["transformer"], "methods": ["rmft"], "seeds": [0], "iterations": 1}
CONFIG = {
    "run": {
        "models": ["tiny"],
        "tasks": ["small"],
        "methods": ["rmft", "random-k"],
        "seeds": [0],
        "iterations": 1,
        "instead": {"small": {"baselines": ["random", "ucb"]}},
        "suites": {"small": ["horizon-2x"]},
        "calibration_tasks": ["mab-bernoulli-hard"],
        "calibration_baselines": ["random", "ucb"],
        "numbers": {**NUMBERS, "baselines": ["random"], "scenarios": 8, "trajectories_per_scenario": 4, "episodes": 8},
    },
    "models": {"tiny": MODEL, "transformer": NETWORK},
    "tasks": {"small": SMALL_TASK, "tiny-fol": {**SMALL_TASK, "environment": "fol"}},
    "rollout": {"scenarios": 8, "trajectories_per_scenario": 4, "chunk_episodes": 8, "max_new_tokens": 24},
    "evaluation": {"episodes": 8, "calibration_episodes": 20},
    "probe": {"histories": 1, "replies": 1},
    "theory": {
        "spaces": ["ball"],
        "theorem": {
            **FEW,
            "arms": [2],
            "horizons": [10],
            "scales": [1.0],
            "covariances": ["isotropic"],
            "episodes": 16,
        },
        "limit": {**FEW, "trajectories": {"trajectory": [2, 8], "step": [2]}},
        "policies": {**FEW, "architectures": ["linear"], "episodes": 16},
    },
}
COMMAND = re.compile(r"-m rmft\.stages\.(\w+) (.*?)\s+> (\S+) 2>&1$", re.DOTALL)


@dataclass(frozen=True)
class Job:
    """A job of the workflow: its rule, stage, arguments and files."""

    rule: str
    stage: str
    argv: list[str]
    inputs: list[str]
    outputs: list[str]


@dataclass(frozen=True)
class Ended:
    """How a stage ended: its status, None where it raised; the last of what it said; and the error, where there was one."""

    status: int | None
    said: str
    error: str = ""


def lay_out(folder: Path) -> None:
    """The workflow, by links, with the small config laid over."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in LINKS:
        (folder / name).symlink_to(ROOT / name)
    (folder / "small.yaml").write_text(yaml.safe_dump(json.loads(json.dumps(CONFIG))))


def snakemake(*arguments: str) -> list[str]:
    """The command line of Snakemake on the small run."""
    return [sys.executable, "-m", "snakemake", "--configfile", "small.yaml", *arguments]


def environment() -> dict[str, str]:
    """Of every process."""
    return os.environ | {"PYTHONPATH": str(ROOT / "workflow"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}


def plan(folder: Path) -> list[Job]:
    """The jobs, in an order in which they can be done."""
    command = snakemake("--dry-run", "--printshellcmds", "--forceall", "--cores", "1")
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    jobs = []
    for block in re.split(r"\n(?=(?:local)?rule \w+:\n)", done.stdout):
        if found := COMMAND.search(shell := block.split("Shell command: ")[-1].strip().split("\n[")[0].strip()):
            said = dict(re.findall(r"^    (input|output): (.*)$", block, re.MULTILINE))
            files = [said.get(key, "").split(", ") if said.get(key) else [] for key in ("input", "output")]
            rule = re.match(r"(?:local)?rule (\w+):", block)
            jobs.append(Job(rule[1], found[1], shlex.split(found[2]), *files))
        elif "rmft.stages" in shell:
            raise RuntimeError(f"no command: {shell}")
    return in_order(jobs)


def in_order(jobs: list[Job]) -> list[Job]:
    """Each job after those that make what it reads."""
    made = {output: job for job in jobs for output in job.outputs}
    done: dict[int, Job] = {}

    def visit(job: Job) -> None:
        if id(job) not in done:
            for name in job.inputs:
                if name in made:
                    visit(made[name])
            done[id(job)] = job

    for job in jobs:
        visit(job)
    return list(done.values())


def work(job: Job) -> Ended:
    """Do a job in this process, in the working directory."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = importlib.import_module(f"rmft.stages.{job.stage}").main(job.argv)
        except SystemExit as error:
            status = error.code
        except Exception as error:  # of any kind: as a program it would be a traceback
            return Ended(None, err.getvalue(), f"{type(error).__name__}: {error!s:.200}")
    return Ended(status, err.getvalue())


def make(folder: Path) -> list[Job]:
    """A copy of the run, seals and all, in ``folder``; returns its jobs. It is done once in a process."""
    place, jobs = _made()
    shutil.copytree(place.name, folder, symlinks=True)
    return jobs


@cache
def _made() -> tuple[tempfile.TemporaryDirectory, list[Job]]:
    """Do the whole run; the folder lasts as long as the process."""
    place = tempfile.TemporaryDirectory(prefix="rmft small run ")
    folder = Path(place.name)
    lay_out(folder)
    jobs = plan(folder)
    with contextlib.chdir(folder):
        for job in jobs:
            for name in job.outputs:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
            ended = work(job)
            if ended.status != 0:
                raise RuntimeError(f"{job.rule}: {ended.said[-1000:]}{ended.error}")
    say(f"  a small run: {len(jobs)} jobs")
    return place, jobs


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Every result, and the digest of its bytes."""
    for path in sorted((folder / "results").rglob("*")):
        if path.is_file():
            yield str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest()
