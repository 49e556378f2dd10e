"""Variants of the small task, with the words that each asks for, and who plays them."""

import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedTokenizerBase

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task, task_from_config
from rmft.core.trajectory import Trajectory
from rmft.models.base import Engine
from rmft.models.chat import renderer
from rmft.models.crowd import Crowd, World
from rmft.models.dialogue import play
from rmft.models.transformers_engine import TransformersEngine
from rmft.stages.wording import read_context

sys.path.insert(0, str(Path(__file__).parent))

CONTEXTS = Path(__file__).parents[2] / "workflow/scenarios"
SHARES, ADAPTIVE = {"output": "distribution"}, {"drift": {"kind": "adaptive", "penalty": 0.25}}
KINDS = {
    "mab": {},
    "ns-mab": {"environment": "ns-mab", "drift": {"kind": "abrupt", "hazard": 0.3}},
    "adaptive": {"environment": "ns-mab", **ADAPTIVE},
    "fol": {"environment": "fol"},
    "adaptive-fol": {"environment": "fol", **ADAPTIVE},
    "shares": SHARES,
    "fol-shares": {"environment": "fol", **SHARES},
    "adaptive-fol-shares": {"environment": "fol", **ADAPTIVE, **SHARES},
    "weighted": {"shown": "importance_weighted", **SHARES},
}


@pytest.fixture(scope="session")
def world(task_entry: dict) -> Callable[..., World]:
    """The small task with keys of its entry changed, as the crowd would play it. The name settles the streams."""

    def make(*, share: float = 1, **changes: object) -> World:
        entry = task_entry | changes
        task = task_from_config(entry.pop("name"), entry)
        return World(task, read_context(CONTEXTS, task), share)

    return make


@pytest.fixture(scope="session", params=KINDS)
def kind(request: pytest.FixtureRequest) -> dict:
    """Every kind of environment and output, as changes of the small task."""
    return KINDS[request.param]


@pytest.fixture(scope="session", params=["dialogue", "summary"])
def interaction(request: pytest.FixtureRequest) -> str:
    """How the history is told."""
    return request.param


@pytest.fixture(scope="session")
def mode(kind: dict, interaction: str) -> dict:
    """Every kind in both interactions."""
    return kind | {"interaction": interaction}


@pytest.fixture(scope="session")
def crowd(model_entry: dict) -> Crowd:
    """The crowd of the small model."""
    settings = model_entry["pretraining"]["crowd"]
    return Crowd(**{field.name: settings[field.name] for field in fields(Crowd)})


@pytest.fixture(scope="session")
def tokenizer(tiny: Path) -> PreTrainedTokenizerBase:
    """The small model's."""
    return AutoTokenizer.from_pretrained(tiny)


@pytest.fixture
def engine(tiny: Path) -> TransformersEngine:
    """The small model on transformers, in one thread; 16 tokens of a reply at most."""
    torch.set_num_threads(1)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
    return TransformersEngine(model, tokenizer, temperature=1.0, max_new_tokens=16)


@pytest.fixture
def play_with(context: Context, task: Task) -> Callable[..., list[Trajectory]]:
    """What an engine plays on the small task."""

    def run(engine: Engine, episodes: Episodes, *, max_reasks: int = 1) -> list[Trajectory]:
        return play(engine, renderer(engine.tokenizer), context, task, episodes, max_reasks=max_reasks)

    return run
