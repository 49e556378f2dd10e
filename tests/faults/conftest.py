"""A cell to be spoilt, and what a stage says of it."""

import importlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def spoilt(cell: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the cell, to be damaged; the stages run from it."""
    shutil.copytree(cell, tmp_path / "cell", copy_function=shutil.copyfile)  # without seals: all else must see it too
    monkeypatch.chdir(tmp_path / "cell")
    return tmp_path / "cell"


@pytest.fixture
def command(task_entry: dict, method: dict, model_entry: dict, sampling: dict) -> Callable[..., list[str]]:
    """The command line of a stage in the cell, some flags replaced."""
    contexts = Path(__file__).parents[2] / "workflow/scenarios"
    rollouts, policy = {"trajectories": "0/trajectories.parquet"}, {"policy": "0/policy.json"}
    sizes = {"scenarios": 2, "trajectories-per-scenario": 2, "split": "train", "seed": 0}
    names = {"task": task_entry, "contexts": contexts, "sampling": sampling, "model-name": "tiny", "method": "m"}
    training = {"selected": "0/selected.jsonl", "model": {"sft": model_entry["sft"]}, "seed": 0, "iteration": 1}
    selecting = {"regret": "0/regret.parquet", "method": method, "summary": "0/selection.json"}
    pretrained = {"pretrained": "models/tiny/pretrain.json", "model": model_entry, "name": "tiny"}
    known = {
        "base_policy": {**pretrained, "output": "0/policy.json"},
        "rollout": {**policy, **sizes, **names, "output": "0/trajectories.parquet"},
        "score": {**rollouts, "task": task_entry, "output": "0/regret.parquet"},
        "select": {**rollouts, **selecting, "output": "0/selected.jsonl"},
        "sft": {**policy, **rollouts, **training, "output": "1/policy.json"},
        "evaluate": {"heldout": "1/heldout.parquet", "task": task_entry, "output": "1/evaluation.parquet"},
    }

    def line(stage: str, **changes: object) -> list[str]:
        argv = []
        for name, value in {**known[stage], **changes}.items():
            argv += [f"--{name}", json.dumps(value) if isinstance(value, dict) else str(value)]
        return argv

    return line


@pytest.fixture
def refused(command: Callable[..., list[str]], spoilt: Path, capfd: pytest.CaptureFixture) -> Callable[..., str]:
    """What a stage says when it refuses; every file of the cell is as it was."""

    def said(stage: str, **changes: object) -> str:
        before = {path: path.read_bytes() for path in spoilt.rglob("*") if path.is_file()}
        capfd.readouterr()
        status = importlib.import_module(f"rmft.stages.{stage}").main(command(stage, **changes))
        stderr = capfd.readouterr().err
        assert status == 1, stderr
        assert "Traceback" not in stderr
        after = {path: path.read_bytes() for path in spoilt.rglob("*") if path.is_file()}
        assert after == before
        lines = [line for line in stderr.replace("\r", "\n").split("\n") if line.startswith(f"{stage}: ")]
        assert len(lines) == 1, stderr
        return lines[0]

    return said
