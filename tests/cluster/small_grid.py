"""The small grid in a folder of its own, run here or on the cluster, and what SLURM says of its jobs."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SUBMITS = REPOSITORY / ".venv-cluster/bin"
PARTS = ["Snakefile", "config.yaml", "config.laptop.yaml", "profiles", "slurm", "workflow"]
# One policy is probed too, and its reasonings read: then its cluster job has rules side by side, whose resources add up.
READ = tuple(
    f"results/cells/tiny/mab-gaussian/rmft/seed0/iter1/{name}" for name in ("reasoning.parquet", "probes.jsonl")
)
ALL = ("results/tables/summary.csv", *READ)
# Made beside the grid, for tests in which something goes wrong with it.
ROLLED = "results/cells/tiny/mab-gaussian/base/seed10/iter0/regret.parquet"


def ask(*command: str) -> str:
    """What a program says."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def until(happens: Callable[[], object], seconds: float = 180) -> object:
    """Wait for something true, and give it back."""
    end = time.monotonic() + seconds
    while not (value := happens()):
        assert time.monotonic() < end, f"{happens} has not happened in {seconds} seconds"
        time.sleep(0.05)
    return value


@dataclass(frozen=True)
class Job:
    """A SLURM job as sacct knows it; of one that was requeued, each start is a job here."""

    number: str
    state: str
    gpus: int
    name: str
    node: str


def jobs_since(first: int, *flags: str) -> list[Job]:
    """Jobs from a number on, whatever became of them; sacct's flag -D also lists earlier starts of requeued ones."""
    until(lambda: not ask("squeue", "--noheader", "--states=running,completing").strip(), 60)
    fields = "jobidraw,state,alloctres,comment,nodelist"
    found = []
    for line in ask("sacct", "-XnP", *flags, f"--format={fields}").splitlines():
        number, state, tres, comment, node = line.split("|")
        if int(number) >= first:
            gpus = re.search(r"gres/gpu=(\d+)", tres)
            found.append(Job(number, state.split()[0], int(gpus[1]) if gpus else 0, comment, node))
    return found


@dataclass(frozen=True)
class Tree:
    """A working directory with the workflow in it, its config made small."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.Popen:
        """Start Snakemake here, as typed, in the environment that submits jobs."""
        environment = os.environ | {"PYTHONPATH": str(self.folder / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [str(SUBMITS / "snakemake"), *arguments]
        with (self.folder / "said.txt").open("a") as said:
            return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=said, stderr=said)

    def run(self, *arguments: str) -> None:
        """The same, to its good end."""
        assert self.snakemake(*arguments).wait(timeout=600) == 0, (self.folder / "said.txt").read_text()[-6000:]

    def submit(self, *targets: str) -> subprocess.Popen:
        """`snakemake --profile slurm` for some targets, with the small grid, polling fast."""
        fast = ("--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5")
        return self.snakemake("--profile", "slurm", "--configfile", "small.yaml", *fast, "--", *targets)

    def results(self) -> dict[str, bytes]:
        """Every result, by its path; logs and times differ from run to run."""
        root = self.folder / "results"
        files = [path for path in root.rglob("*") if path.is_file()]
        named = {path.relative_to(root).as_posix(): path for path in files}
        return {name: path.read_bytes() for name, path in named.items() if not name.startswith(("logs", "benchmarks"))}


def copy(folder: Path) -> Tree:
    """The workflow's files below ``folder``."""
    for name in PARTS:
        source, target = REPOSITORY / name, folder / name
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, target, ignore=ignore) if source.is_dir() else shutil.copy2(source, target)
    shutil.copy2(HERE / "small.yaml", folder)
    (folder / ".venv").symlink_to(REPOSITORY / ".venv")
    return Tree(folder)
