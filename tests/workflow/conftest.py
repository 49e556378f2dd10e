"""A copy of the repository in which the stages' interpreter is a stand-in, and a finished run in it."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
PARTS = ["Snakefile", "config.yaml", "config.laptop.yaml", "profiles", "slurm", "workflow"]
JOB = re.compile(r"^(?:local)?rule (\w+):\n((?:    .*\n)*)", re.MULTILINE)


@dataclass(frozen=True)
class Tree:
    """A working directory with the workflow in it."""

    folder: Path

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake here, as typed."""
        environment = os.environ | {"PYTHONPATH": str(self.folder / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "snakemake", *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)

    def would_run(self, *arguments: str) -> dict[str, str]:
        """Rule of every job that a dry run lists, by its first output."""
        done = self.snakemake("--dry-run", "--configfile", "small.yaml", *arguments)
        assert done.returncode == 0, done.stderr
        jobs = {}
        for rule, body in JOB.findall(done.stdout):
            output = re.search(r"output: ([^,\n]+)", body)
            jobs[output[1] if output else rule] = rule
        return jobs

    def lay_over(self, **entries: object) -> None:
        """Change the small config: mappings merge one level deep."""
        path = self.folder / "small.yaml"
        config = yaml.safe_load(path.read_text())
        for key, value in entries.items():
            config[key] = config.get(key, {}) | value
        path.write_text(yaml.safe_dump(config))

    def edit(self, path: str, before: str, after: str) -> None:
        """Replace text in a file of the workflow."""
        file = self.folder / path
        text = file.read_text()
        assert before in text, f"{path} has no {before!r}"
        file.write_text(text.replace(before, after, 1))


def copy(folder: Path) -> Tree:
    """The workflow's files below ``folder``."""
    for name in PARTS:
        source, target = REPOSITORY / name, folder / name
        ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
        shutil.copytree(source, target, ignore=ignore) if source.is_dir() else shutil.copy2(source, target)
    return Tree(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """One seed, two iterations, all jobs done by the stand-in. Read-only: change a ``tree`` instead."""
    tree = copy(tmp_path_factory.mktemp("finished"))
    stand_in = str(Path(__file__).with_name("stand_in.sh"))
    small = {"python": stand_in, "run": {"seeds": [0], "iterations": 2, "baselines": ["random", "ucb"]}}
    (tree.folder / "small.yaml").write_text(yaml.safe_dump(small))
    done = tree.snakemake("--cores", "2", "--quiet", "all", "--configfile", "small.yaml")
    assert done.returncode == 0, done.stderr
    return tree


@pytest.fixture
def copied(tmp_path: Path) -> Tree:
    """The workflow without any results."""
    return copy(tmp_path)


@pytest.fixture
def tree(finished: Tree, tmp_path: Path) -> Tree:
    """A copy of the finished run, to be changed."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    return Tree(tmp_path)
