"""What most tests of the core share, and repeatable property tests."""

import pytest
from hypothesis import settings

from rmft.core.contexts import context_from_config
from rmft.core.prompts import Context
from rmft.core.tasks import Task, task_from_config

settings.register_profile("core", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("core")


@pytest.fixture(scope="session")
def gaussian() -> Task:
    means, rewards = {"kind": "uniform", "low": 0.1, "high": 0.9}, {"kind": "gaussian", "noise": 0.1}
    entry = {"environment": "mab", "arms": 3, "horizon": 20, "means": means, "rewards": rewards, "context": "buttons"}
    return task_from_config("mab-gaussian", entry)


@pytest.fixture(scope="session")
def hard() -> Task:
    means, rewards = {"kind": "gap", "gap": 0.2}, {"kind": "bernoulli"}
    entry = {"environment": "mab", "arms": 5, "horizon": 100, "means": means, "rewards": rewards, "context": "buttons"}
    return task_from_config("mab-bernoulli-hard", entry)


@pytest.fixture(scope="module")
def shares(wording: dict) -> Context:
    """The buttons, asked for a distribution."""
    return context_from_config(wording, arms=3, output="distribution")
