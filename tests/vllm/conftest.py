"""Policies that vLLM plays, and the same on transformers. `make test-vllm` runs what is here, where vLLM is installed."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task, draw_episodes
from rmft.core.trajectory import Trajectory
from rmft.models.base import Engine, FreeEngine
from rmft.models.chat import renderer
from rmft.models.dialogue import play
from rmft.models.policy import Policy, weights_digest
from rmft.models.speech import Speech

NEW = 24  # tokens of a reply at most
GENERATION = {"temperature": 1.0, "max_new_tokens": NEW}


@pytest.fixture(scope="session", autouse=True)
def wanted() -> None:
    """Skip, with the reason, where there is no vLLM."""
    if find_spec("vllm") is None:
        pytest.skip("vLLM is not in this environment: make test-vllm")


@pytest.fixture(scope="session")
def base(tiny: Path) -> Policy:
    """The small pretrained model."""
    return Policy("transformers", str(tiny), None, None, weights_digest(tiny), None, 0, {})


@pytest.fixture(scope="session")
def engine(base: Policy) -> FreeEngine:
    """It on vLLM."""
    from rmft.models import vllm_engine

    return vllm_engine.engine_of(base, Speech(), **GENERATION)


@pytest.fixture(scope="session")
def reference(base: Policy) -> Engine:
    """It on transformers."""
    from rmft.models import transformers_engine

    return transformers_engine.engine_of(base, Speech(), **GENERATION)


@pytest.fixture(scope="session")
def drawn(task: Task) -> Callable[[int, str], Episodes]:
    """So many episodes of the small task on streams of a name."""

    def draw(number: int, name: str = "test") -> Episodes:
        where = {"split": "train", "seed": 0, "iteration": 0, "policy": name}
        return draw_episodes(task, **where, scenarios=range(number), per_scenario=1)

    return draw


@pytest.fixture(scope="session")
def played(task: Task, context: Context) -> Callable[..., list[Trajectory]]:
    """What an engine plays on the small task, or on another one."""

    def run(engine: Engine | FreeEngine, episodes: Episodes, other: Task | None = None) -> list[Trajectory]:
        return play(engine, renderer(engine.tokenizer), context, other or task, episodes, max_reasks=1)

    return run
