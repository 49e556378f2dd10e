from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.priors import Gap, Uniform
from rmft.core.rewards import Bernoulli, Gaussian
from rmft.core.tasks import Episodes, Task, draw_episodes, task_from_config

TASKS = [
    Task("g", "mab", 3, 8, Uniform(0.1, 0.9), Gaussian(0.1), "buttons"),
    Task("b", "mab", 4, 7, Gap(0.2), Bernoulli(), "buttons"),
]
ENTRY = {
    "environment": "mab",
    "arms": 3,
    "horizon": 20,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "buttons",
}


def draw(task: Task, scenarios: range = range(5), per_scenario: int = 3, **changes: object) -> Episodes:
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "base"} | changes
    return draw_episodes(task, **where, scenarios=scenarios, per_scenario=per_scenario)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"means": {"kind": "uniforme", "low": 0.1, "high": 0.9}}, "means: kind"),
        ({"means": {"kind": "uniform", "low": 0.1, "hihg": 0.9}}, "hihg"),
        ({"rewards": {"kind": "gaussian", "noise": -1}}, "rewards: noise"),
        ({"arms": 1}, "arms"),
        ({"horizon": 0}, "horizon"),
        ({"means": {"kind": "gap", "gap": 1.2}, "rewards": {"kind": "bernoulli"}}, "Bernoulli means"),
    ],
)
def test_impossible_tasks_are_refused_by_name(change: dict, named: str) -> None:
    with pytest.raises(ValueError, match=f"tasks: t: .*{named}"):
        task_from_config("t", ENTRY | change)


@pytest.mark.parametrize("task", TASKS)
def test_shapes_and_ids(task: Task) -> None:
    drawn = draw(task)
    assert drawn.mean_rewards.shape == (15, 1, task.arms)
    assert drawn.rewards.shape == (15, task.horizon, task.arms)
    assert drawn.seeds.dtype == np.uint64
    assert len(set(drawn.trajectory_ids)) == len(set(drawn.seeds.tolist())) == len(drawn) == 15
    assert drawn.trajectory_ids[4] == "train-0-0-1-1"
    assert drawn.scenario_ids[4] == "train-0-0-1"
    assert (drawn.mean_rewards[3] == drawn.mean_rewards[5]).all()
    assert (drawn.rewards[3] != drawn.rewards[5]).any()


@given(st.sampled_from(TASKS), st.integers(0, 30), st.integers(1, 4))
def test_a_longer_horizon_begins_with_the_shorter(task: Task, seed: int, per_scenario: int) -> None:
    short = draw(task, seed=seed, per_scenario=per_scenario)
    long = draw(replace(task, horizon=2 * task.horizon), seed=seed, per_scenario=per_scenario)
    assert (long.rewards[:, : task.horizon] == short.rewards).all()
    assert (long.mean_rewards == short.mean_rewards).all()


@given(st.sampled_from(TASKS), st.integers(0, 4), st.integers(1, 5))
def test_a_chunk_of_scenarios_is_a_slice_of_all(task: Task, start: int, count: int) -> None:
    chunk, every = draw(task, range(start, start + count)), draw(task, range(10))
    rows = slice(3 * start, 3 * (start + count))
    assert chunk.trajectory_ids == every.trajectory_ids[rows]
    for name in ("rewards", "mean_rewards", "seeds"):
        assert (getattr(chunk, name) == getattr(every, name)[rows]).all()


def test_policies_meet_the_same_world_with_streams_of_their_own() -> None:
    base, other = draw(TASKS[0]), draw(TASKS[0], policy="other")
    assert (base.rewards == other.rewards).all()
    assert (base.seeds != other.seeds).all()


@pytest.mark.parametrize("change", [{"split": "heldout"}, {"seed": 1}, {"iteration": 1}])
def test_another_split_seed_or_iteration_is_another_world(change: dict) -> None:
    base, other = draw(TASKS[0]), draw(TASKS[0], **change)
    assert (base.mean_rewards != other.mean_rewards).all()
    assert (base.rewards != other.rewards).all()
    assert (base.seeds != other.seeds).all()
