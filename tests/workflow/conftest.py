"""A copy of the repository in which the stages' interpreter is a stand-in, and a finished run in it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest
import yaml

from rmft.figures import FIGURES
from rmft.stages.config_files import lay_over
from rmft.stages.dry_run import read_plan

sys.path.insert(0, str(Path(__file__).parent))
from followed import snapshot

REPOSITORY = Path(__file__).parents[2]
CONFIGS = ["config.yaml", "config.laptop.yaml", "config.paper-laptop.yaml", "config.open.yaml"]
PARTS = ["Snakefile", *CONFIGS, "profiles", "slurm", "workflow"]
STAND_IN = str(Path(__file__).with_name("stand_in.sh"))
RUN = {"seeds": [0], "iterations": 2, "baselines": ["random", "ucb"]}  # of models in words alone
SMALL = {"python": STAND_IN, "run": {**RUN, "numbers": {"models": []}}}
END = ("results/tables/", "results/figures/", "results/report.html", "results/claims.json", "all")


@dataclass(frozen=True)
class Tree:
    """A working directory with the workflow in it."""

    folder: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Python here, with the package that stands here."""
        environment = os.environ | {"PYTHONPATH": str(self.folder / "workflow"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=300)

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        """Run Snakemake here, as typed."""
        return self.python("-m", "snakemake", *arguments)

    def would_run(self, *arguments: str, laid: tuple[str, ...] = ("small.yaml",)) -> dict[str, str]:
        """Rule of every job that a dry run lists, by its first output; ``laid``: files laid over the config."""
        done = self.snakemake("--dry-run", "--configfile", *laid, *arguments)
        assert done.returncode == 0, done.stderr
        return {(job.outputs or (job.rule,))[0]: job.rule for job in read_plan(done.stdout)}

    def lay_over(self, **entries: object) -> None:
        """Change the small config: mappings merge."""
        path = self.folder / "small.yaml"
        path.write_text(yaml.safe_dump(lay_over(yaml.safe_load(path.read_text()), entries)))

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


def of_run(folder: str, method: str, definition: dict, iterations: int) -> dict[str, str]:
    """Rule of every job of one method with one seed, by its first output; ``folder`` has {method} and {iteration}."""
    at = folder.format
    base, own = at(method="base", iteration=0), at(method=method, iteration=0)
    first = own if definition.keys() & {"once", "teacher"} else base
    last = 1 if definition.get("once") else iterations
    jobs = {f"{base}/policy.json": "base_policy", f"{own}/selected.jsonl": "select"}
    for cell in [base, *(at(method=method, iteration=t) for t in range(1, last + 1))]:
        jobs |= {f"{cell}/heldout.parquet": "rollout_heldout", f"{cell}/evaluation.parquet": "evaluate"}
    for cell in [first, *(at(method=method, iteration=t) for t in range(1, last))]:
        jobs |= {f"{cell}/trajectories.parquet": "rollout", f"{cell}/regret.parquet": "score"}
    jobs |= {f"{at(method=method, iteration=t)}/selected.jsonl": "select" for t in range(1, last)}
    return jobs | {f"{at(method=method, iteration=t)}/policy.json": "sft" for t in range(1, last + 1)}


def of_words(folder: str, method: str, definition: dict, iterations: int) -> dict[str, str]:
    """Rule of every job that reads or asks what policies in words say, as ``of_run``."""
    at, last = folder.format, 1 if definition.get("once") else iterations
    base, end = at(method="base", iteration=0), at(method=method, iteration=last)
    cells = [base, *(at(method=method, iteration=t) for t in range(1, last + 1))]
    asked = {f"{cell}/probes.jsonl": "probe" for cell in (base, end)}
    return asked | {f"{cell}/reasoning.parquet": "reason" for cell in cells}


def reckon(config: dict) -> dict[str, str]:
    """Rule of every job of a config, by its first output, reckoned from what the config says alone."""
    run, jobs = (
        config["run"],
        {"results/tables/evaluation.csv": "tables", "results/report.html": "report", "all": "all"},
    )
    jobs["results/tables/signatures.csv"] = "signatures"
    jobs |= {f"results/figures/{figure}.pdf": "draw" for figure in FIGURES}
    jobs |= {"results/tables/growth.csv": "growth", "results/claims.json": "claims"}
    jobs |= {"results/figures/manifest.json": "manifest", "results/tables/tracking.csv": "tracking"}
    jobs |= {"results/tables/reasoning.csv": "reasoning_tables"}
    played = {task: {**run, **run["instead"].get(task, {})} for task in run["tasks"]}
    kinds = {name: entry["kind"] for name, entry in config["models"].items()}
    made = {m for own in played.values() for m in own["models"] if kinds[m] == "pretrain"}
    jobs |= {f"results/models/{m}/model.safetensors": "pretrain" for m in made}
    if numbers := (run["numbers"] if run["numbers"]["models"] else None):
        played |= {task: {**numbers, **run["instead"].get(task, {})} for task in numbers["tasks"]}
    played |= {task: {"baselines": run["calibration_baselines"]} for task in run["calibration_tasks"]}
    for task, own in played.items():
        jobs |= {f"results/baselines/{task}/{name}.parquet": "baseline" for name in own["baselines"]}
        for model, seed, method in product(own.get("models", []), own.get("seeds", []), own.get("methods", [])):
            folder = f"results/cells/{model}/{task}/{{method}}/seed{seed}/iter{{iteration}}"
            jobs |= of_run(folder, method, config["methods"][method], own["iterations"])
            if (kind := kinds[model]) != "pretrain":
                base = folder.format(method="base", iteration=0) + "/policy.json"
                jobs[base] = "untrained_policy" if kind == "numeric" else "ready_policy"
            if kind != "numeric":
                jobs |= of_words(folder, method, config["methods"][method], own["iterations"])
    return jobs | of_theory(config["theory"])


def of_theory(theory: dict) -> dict[str, str]:
    """Rule of every job of the theorem, by its first output."""
    jobs = {"results/tables/theorem.csv": "theory_tables"}
    for space in theory["spaces"]:
        at = f"results/theory/{space}"
        jobs |= {f"{at}/limit/theorem_limit.csv": "theorem_limit"}
        jobs |= {f"{at}/d{arms}/theorem.csv": "theorem" for arms in theory["theorem"]["arms"]}
        names = theory["policies"]["architectures"]
        jobs |= {f"{at}/policies/{name}/theorem_policies.csv": "theorem_policies" for name in names}
    return jobs


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Tree:
    """One seed, two iterations, all jobs done by the stand-in. Read-only: change a ``tree`` instead."""
    tree = copy(tmp_path_factory.mktemp("finished"))
    (tree.folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    done = tree.snakemake("--cores", "2", "--quiet", "all", "--configfile", "small.yaml")
    assert done.returncode == 0, done.stderr
    return tree


@pytest.fixture
def copied(tmp_path: Path) -> Tree:
    """The workflow without any results; the same small config."""
    tree = copy(tmp_path)
    (tree.folder / "small.yaml").write_text(yaml.safe_dump(SMALL))
    return tree


@pytest.fixture(scope="session")
def before_the_end() -> Callable[[dict[str, str]], dict[str, str]]:
    """Leave out of some jobs tables, figures and report: those follow whatever changes."""
    return lambda jobs: {output: rule for output, rule in jobs.items() if not output.startswith(END)}


@pytest.fixture(scope="session")
def jobs_of() -> Callable[[dict], dict[str, str]]:
    """Reckon what a config comes to, for tests: see ``reckon``."""
    return reckon


@pytest.fixture
def tree(finished: Tree, tmp_path: Path) -> Tree:
    """A copy of the finished run, to be changed."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    return Tree(tmp_path)


@pytest.fixture
def cached(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub that has the model of docs/adding.md, small."""
    from rmft.models.families import save

    cache = tmp_path_factory.getbasetemp() / "hub"
    if not snapshot(cache).exists():
        save("llama", snapshot(cache), context_length=8192)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    return cache
