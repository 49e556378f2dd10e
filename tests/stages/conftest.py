"""What the tests of other environments share: a model that has seen them, and stages run in this process."""

import copy
import importlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from rmft.figures import FIGURES
from rmft.stages import draw, manifest, report

sys.path.insert(0, str(Path(__file__).parents[1] / "figures"))
import judged
import synthetic
import theorised

sys.path.insert(0, str(Path(__file__).parent))
from tables_made import N

CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
SUMMARY = {"name": "told", "interaction": "summary"}
SHARES = {"name": "shares", "environment": "fol", "output": "distribution"}


@pytest.fixture(scope="session")
def told_task(task_entry: dict) -> dict:
    """The small task's entry in summary interaction."""
    return task_entry | SUMMARY


@pytest.fixture(scope="session")
def shares_task(task_entry: dict) -> dict:
    """The small task's entry with full information, answered by a distribution."""
    return task_entry | SHARES


@pytest.fixture(scope="session")
def run_stage() -> Callable[..., None]:
    """Run a stage in this process, from a folder, to its good end: flags by their names, mappings as JSON."""

    def run(name: str, cwd: Path, /, **flags: object) -> None:
        argv = []
        for flag, value in flags.items():
            argv += [f"--{flag.replace('_', '-')}", json.dumps(value) if isinstance(value, dict) else str(value)]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd)
            assert importlib.import_module(f"rmft.stages.{name}").main(argv) == 0

    return run


@pytest.fixture(scope="session")
def worldly(
    tmp_path_factory: pytest.TempPathFactory,
    worker_id: str,
    stage: Callable,
    model_entry: dict,
    told_task: dict,
    shares_task: dict,
) -> Path:
    """The folder of iteration 0 of a small model whose crowd played three tasks; its policy.json. Read-only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "worldly"
    with FileLock(folder.with_name("worldly.lock")):
        if (folder / "policy.json").exists():
            return folder
        folder.mkdir(exist_ok=True)
        entry = copy.deepcopy(model_entry)
        entry["pretraining"] |= {"dialogues": 5000}
        for task in (told_task, shares_task):
            entry["pretraining"]["crowd"]["tasks"][task["name"]] = {"share": 1, **task}
            del entry["pretraining"]["crowd"]["tasks"][task["name"]]["name"]
        finished = folder / "models/pretrain.json"
        for name, flags in (
            ("pretrain", {"contexts": CONTEXTS, "output": finished}),
            ("base_policy", {"pretrained": finished, "output": folder / "policy.json"}),
        ):
            ended = stage(name, name="worldly", model=entry, **flags)
            assert ended.status == 0, ended.stderr
        return folder


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Made-up results of two iterations."""
    return synthetic.write_results(tmp_path, 12, 4, 5, iterations=N)


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A made-up results folder with its tables, figures, manifest, claims and report.html. Read-only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "reported"
    folder.mkdir(exist_ok=True)
    with FileLock(folder.with_suffix(".lock")):
        if not (folder / "results/report.html").exists():
            report_on(folder)
    return folder / "results"


def report_on(folder: Path) -> None:
    """Make up results and run all stages that follow on them."""
    made = synthetic.write_results(folder, 12, 4, 4, iterations=1)
    at, figures = str(synthetic.write_tables(made, iterations=1)), made / "figures"
    theorised.write(made / "tables")
    judged.write(made / "tables")
    for name in FIGURES:
        forms = [str(figures / f"{name}.{form}") for form in ("png", "csv")]
        assert draw.main(["--figure", name, "--tables", at, "--output", *forms]) == 0
    entries, listed = str(CONTEXTS.parent / "figures.yaml"), str(figures / "manifest.json")
    assert manifest.main(["--entries", entries, "--figures", str(figures), "--output", listed]) == 0
    folders = ["--tables", at, "--figures", str(figures), "--captions", str(CONTEXTS.parent / "report")]
    config = '{"rollout": {"scenarios": 64}}'
    assert report.main([*folders, "--config", config, "--output", str(made / "report.html")]) == 0
