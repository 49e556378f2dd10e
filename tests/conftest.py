"""What tests of models and stages share: a small task, and a small language model that really was pretrained."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from rmft.core.contexts import context_from_config
from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task, draw_episodes, task_from_config
from rmft.stages.config_files import lay_over

REPOSITORY = Path(__file__).parents[1]
CONTEXTS = REPOSITORY / "workflow/scenarios"
TASK = {
    "name": "small",
    "environment": "mab",
    "arms": 3,
    "horizon": 6,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "buttons",
}
SHAPE = {"layers": 2, "width": 48, "heads": 2, "kv_heads": 1, "head_dim": 24, "mlp": 128, "context_length": 512}
STEPS = {"dialogues": 4000, "batch": 16, "workers": 2, "learning_rate": 0.01}
WEIGHTS = {"weight_told": 0.1, "weight_choice": 1.0}
MIXTURE = {"random": 0.3, "sticky": 0.15, "greedy": 0.3, "eps_greedy": 0.15, "explore_then_commit": 0.1}
CROWD = {"mixture": MIXTURE, "epsilon": [0.0, 0.4], "stay": 0.8, "keep": [0.5, 1.0], "exploit_share": 0.1}
SFT = {"adapter": "none", "rank": 4, "alpha": 8, "epochs": 2, "learning_rate": 0.003, "batch": 4}
SMALL = {**SHAPE, "pretraining": {**STEPS, **WEIGHTS, "crowd": CROWD}, "sft": SFT}
SAMPLING = {"temperature": 1.0, "max_new_tokens": 24, "max_reasks": 1, "chunk_episodes": 12}
METHOD = {"name": "rmft-information", "score": "information_regret", "k": 2}
WORLD = {"share": 1, **{key: value for key, value in TASK.items() if key != "name"}}
MODEL = lay_over(yaml.safe_load((REPOSITORY / "config.yaml").read_text())["models"]["tiny"], SMALL)
MODEL["pretraining"]["crowd"]["tasks"] = {TASK["name"]: WORLD}


@dataclass(frozen=True)
class Ended:
    """How a stage ended: its exit status and what it wrote to stderr."""

    status: int
    stderr: str

    @property
    def complaint(self) -> str:
        """The one line of a stage that refused; progress of others' libraries may stand before it."""
        assert self.status == 1, self.stderr
        assert "Traceback" not in self.stderr, self.stderr
        return self.stderr.strip().replace("\r", "\n").split("\n")[-1]


def start(name: str, cwd: Path, /, **flags: object) -> subprocess.Popen:
    """A stage as its own program: flags by their names, paths and text as they are, mappings as JSON."""
    command = [sys.executable, "-m", f"rmft.stages.{name}"]
    for flag, value in flags.items():
        command += [f"--{flag.replace('_', '-')}", json.dumps(value) if isinstance(value, dict) else str(value)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "workflow"), "HF_HUB_OFFLINE": "1"}
    return subprocess.Popen(command, cwd=cwd, env=environment, stdout=-1, stderr=-1, text=True)


@pytest.fixture(scope="session")
def stage_process() -> Callable[..., subprocess.Popen]:
    """``start``, for tests: a stage under way."""
    return start


@pytest.fixture(scope="session")
def stage() -> Callable[..., Ended]:
    """Run a stage as its own program, to its end."""

    def run(name: str, /, *, cwd: Path = REPOSITORY, **flags: object) -> Ended:
        process = start(name, cwd, **flags)
        _, stderr = process.communicate(timeout=300)
        return Ended(process.returncode, stderr)

    return run


@pytest.fixture(scope="session")
def model_entry() -> dict:
    """The small model's entry, as in the config."""
    return MODEL


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, worker_id: str, stage: Callable[..., Ended]) -> Path:
    """The folder of a small model, pretrained by its stage; processes that test side by side share it. Read-only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "models/tiny"
    folder.parent.mkdir(exist_ok=True)
    with FileLock(folder.with_name("lock")):
        if not (folder / "pretrain.json").exists():
            ended = stage("pretrain", name="tiny", model=MODEL, contexts=CONTEXTS, output=folder / "pretrain.json")
            assert ended.status == 0, ended.stderr
    return folder


@pytest.fixture(scope="session")
def task_entry() -> dict:
    """A small task's entry with its name, as a stage gets it."""
    return TASK


@pytest.fixture(scope="session")
def task() -> Task:
    """The same as a task: 3 arms, 6 steps."""
    return task_from_config(TASK["name"], {key: value for key, value in TASK.items() if key != "name"})


@pytest.fixture(scope="session")
def wording() -> dict:
    """The buttons, as their yaml says them."""
    return yaml.safe_load((CONTEXTS / "buttons.yaml").read_text())


@pytest.fixture(scope="session")
def context(wording: dict) -> Context:
    """The same, for 3 arms."""
    return context_from_config(wording, arms=3)


@pytest.fixture(scope="session")
def episodes(task: Task) -> Episodes:
    """24 episodes: 12 scenarios, 2 each."""
    return draw_episodes(task, split="train", seed=0, iteration=0, policy="test", scenarios=range(12), per_scenario=2)


@pytest.fixture(scope="session")
def sampling() -> dict:
    """How the stages' rollouts sample: 12 episodes a chunk."""
    return SAMPLING


@pytest.fixture(scope="session")
def method() -> dict:
    """A method's entry with its name, as a stage gets it."""
    return METHOD


@pytest.fixture(scope="session")
def make_cell(tiny: Path, stage: Callable[..., Ended]) -> Callable[[Path], Path]:
    """Run the stages of iterations 0 and 1 as programs, in the order of the workflow and from a folder as there."""
    playing = {"task": TASK, "contexts": CONTEXTS, "sampling": SAMPLING, "model_name": "tiny", "seed": 0}
    training = {"split": "train", "scenarios": 8, "trajectories_per_scenario": 4}
    heldout = {"split": "heldout", "scenarios": 16, "trajectories_per_scenario": 1}
    policy, rollouts = {"policy": "0/policy.json"}, {"trajectories": "0/trajectories.parquet"}
    pretrained = {"name": "tiny", "model": MODEL, "pretrained": "models/tiny/pretrain.json"}
    selected = {"output": "0/selected.jsonl", "summary": "0/selection.json"}
    sft = {"model": {"sft": SFT}, "selected": "0/selected.jsonl", "seed": 0, "iteration": 1}
    steps = [
        ("base_policy", {**pretrained, "output": "0/policy.json"}),
        ("rollout", {**policy, **playing, **training, "method": "base", "output": "0/trajectories.parquet"}),
        ("score", {**rollouts, "task": TASK, "output": "0/regret.parquet"}),
        ("select", {**rollouts, "regret": "0/regret.parquet", "method": METHOD, **selected}),
        ("sft", {**policy, **rollouts, **sft, "output": "1/policy.json"}),
        ("rollout", {"policy": "1/policy.json", **playing, **heldout, "method": "m", "output": "1/heldout.parquet"}),
        ("evaluate", {"heldout": "1/heldout.parquet", "task": TASK, "output": "1/evaluation.parquet"}),
    ]

    def make(folder: Path) -> Path:
        shutil.copytree(tiny, folder / "models/tiny")
        for name, flags in steps:
            ended = stage(name, cwd=folder, **flags)
            assert ended.status == 0, ended.stderr
        return folder

    return make


@pytest.fixture(scope="session")
def cell(tmp_path_factory: pytest.TempPathFactory, worker_id: str, make_cell: Callable[[Path], Path]) -> Path:
    """The folder of one such cell; processes that test side by side share it. Read-only."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "cell"
    with FileLock(folder.with_name("cell.lock")):
        return folder if (folder / "1/evaluation.parquet").exists() else make_cell(folder)
