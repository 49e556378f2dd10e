"""Variants of the small task, with the words that each asks for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from rmft.core.tasks import task_from_config
from rmft.models.crowd import World
from rmft.stages.wording import read_context

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
