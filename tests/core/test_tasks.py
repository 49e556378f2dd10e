from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.drifts import DRIFTS, Abrupt, Adaptive, Constant, Linear, RandomWalk, Sine
from rmft.core.priors import Gap, Uniform
from rmft.core.rewards import PROCESSES, Bernoulli, Cauchy, Gaussian
from rmft.core.tasks import Episodes, Task, draw_episodes, draw_heldout, task_from_config, under_suite

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
MOVES = {
    "constant": {},
    "sine": {"amplitude": 0.1, "period": 10},
    "linear": {"slope": 0.001},
    "random_walk": {"step": 0.05, "low": 0.2, "high": 0.8},
    "abrupt": {"hazard": 0.2},
    "alternating": {"period": 3},
    "adaptive": {"penalty": 0.1},
}
SCATTERS = {
    "gaussian": {"noise": 0.1},
    "bernoulli": {},
    "uniform": {"width": 0.2},
    "cauchy": {"scale": 0.05, "clip": [-1, 2]},
    "pareto": {"shape": 2.5, "scale": 0.1},
    "mixture": {"offsets": [-0.2, 0.2], "weights": [0.5, 0.5], "noise": 0.05},
}


def moving(drift: str, rewards: str, **changes: object) -> Task:
    entry = {"environment": "fol", "means": {"kind": "uniform", "low": 0.25, "high": 0.75}, "horizon": 8}
    parts = {"drift": {"kind": drift, **MOVES[drift]}, "rewards": {"kind": rewards, **SCATTERS[rewards]}}
    return task_from_config("moving", ENTRY | entry | parts | changes)


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
        ({"environment": "bandit"}, "environment: must be one of fol, mab, ns-mab"),
        ({"interaction": "chat"}, "interaction"),
        ({"output": "policy"}, "output"),
        ({"reasoning": "much"}, "reasoning"),
        ({"shown": "weighted"}, "shown"),
        ({"shown": "importance_weighted"}, "shown: importance_weighted needs output distribution"),
        ({"shown": "importance_weighted", "output": "distribution", "environment": "fol"}, "shown"),
        ({"drift": {"kind": "sin"}}, "drift: kind"),
        ({"drift": "sine"}, "drift: must be a mapping with kind"),
        ({"drift": {"kind": "abrupt", "hazard": 2}}, "drift: hazard"),
        ({"drift": {"kind": "abrupt", "hazard": 0.1}}, "drift: must be constant in mab"),
        ({"drift": {"kind": "adaptive", "penalty": 0.1}}, "drift: must be constant in mab"),
        ({"environment": "ns-mab"}, "drift: must not be constant"),
        (
            {"environment": "fol", "drift": {"kind": "abrupt", "hazard": 0.1}, "means": {"kind": "gap", "gap": 0.2}},
            "drift: abrupt draws each arm",
        ),
        ({"environment": "fol", "drift": {"kind": "random_walk", "step": 0.1, "low": 0.3, "high": 1}}, "drift: low"),
        (
            {"environment": "fol", "drift": {"kind": "linear", "slope": 0.01}, "rewards": {"kind": "bernoulli"}},
            "Bernoulli means .* not reach",
        ),
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


def test_new_keys_are_optional_and_read() -> None:
    plain = task_from_config("t", ENTRY)
    assert (plain.drift, plain.interaction, plain.output, plain.reasoning, plain.shown) == (
        Constant(),
        "dialogue",
        "action",
        "free",
        "raw",
    )
    change = {
        "environment": "ns-mab",
        "drift": {"kind": "sine", "amplitude": 0.1, "period": 12},
        "rewards": {"kind": "cauchy", "scale": 0.1, "clip": [-1, 2]},
        "interaction": "summary",
        "output": "distribution",
        "shown": "importance_weighted",
        "reasoning": "asked",
    }
    task = task_from_config("t", ENTRY | change)
    assert task.drift == Sine(0.1, 12)
    assert task.rewards == Cauchy(0.1, (-1, 2))
    assert hash(task) == hash(task_from_config("t", ENTRY | change))


def test_bernoulli_means_may_move_as_far_as_0_and_1() -> None:
    for drift in (Sine(0.3, 5), Linear(0.3 / 7), RandomWalk(0.1, 0.0, 1.0), Abrupt(0.1), Adaptive(0.3)):
        Task("t", "fol", 3, 8, Uniform(0.3, 0.7), Bernoulli(), "buttons", drift)
        with pytest.raises(ValueError, match=r"Bernoulli|low\.\.high"):
            Task("t", "fol", 3, 8, Uniform(-0.3, 1.7), Bernoulli(), "buttons", drift)


@pytest.mark.parametrize("rewards", PROCESSES)
@pytest.mark.parametrize("drift", DRIFTS)
def test_every_drift_with_every_process(drift: str, rewards: str) -> None:
    """A longer horizon begins with the shorter, rollouts of a scenario share its drift, and no drift moves the streams."""
    task = moving(drift, rewards)
    short, long = draw(task), draw(replace(task, horizon=16))
    still = drift in ("constant", "adaptive")
    assert short.mean_rewards.shape == (15, 1 if still else 8, 3)
    assert short.rewards.shape == (15, 8, 3)
    assert (long.rewards[:, :8] == short.rewards).all()
    assert (long.mean_rewards[:, :8] == short.mean_rewards).all()
    assert (short.mean_rewards[::3] == short.mean_rewards[2::3]).all()
    assert short.reaction == (0.1 if drift == "adaptive" else 0)
    base = draw(moving("constant", rewards))
    assert (short.seeds == base.seeds).all()
    assert (short.mean_rewards[:, 0] == base.mean_rewards[:, 0]).all() or drift == "sine"
    means = np.broadcast_to(short.mean_rewards, short.rewards.shape)
    if rewards in ("gaussian", "uniform", "pareto", "mixture"):
        scatter = base.rewards - base.mean_rewards
        assert short.rewards - means == pytest.approx(scatter, abs=1e-9)


def test_the_draws_of_a_constant_drift_are_those_of_before() -> None:
    """Known by heart: results of earlier versions rest on these bytes."""
    drawn = draw(TASKS[0], range(2), 1)
    assert drawn.mean_rewards[:, 0, 0].tolist() == [0.12692284008986043, 0.5376222165809073]
    assert drawn.rewards[:, 3, 1] == pytest.approx([0.21929087749488202, 0.022110066461678887], rel=1e-14)
    assert drawn.seeds.tolist() == [17502527640060583980, 14966128085142023633]


SUITES = {
    "longer": ({"horizon_times": 4}, {"horizon": 80}),
    "more arms": ({"more_arms": 2}, {"arms": 5}),
    "fewer arms": ({"more_arms": -1}, {"arms": 2}),
    "both": ({"horizon_times": 2, "more_arms": 1}, {"horizon": 40, "arms": 4}),
    "a key replaces": ({"context": "crop-planting"}, {"context": "crop-planting"}),
    "a mapping replaces whole": ({"rewards": {"kind": "bernoulli"}}, {"rewards": {"kind": "bernoulli"}}),
    "a new key": ({"interaction": "summary"}, {"interaction": "summary"}),
    "means that move": (
        {"drift": {"kind": "sine", "amplitude": 0.1, "period": 10}},
        {"drift": {"kind": "sine", "amplitude": 0.1, "period": 10}, "environment": "ns-mab"},
    ),
    "means that stand still": ({"drift": {"kind": "constant"}}, {"drift": {"kind": "constant"}}),
    "another environment": ({"environment": "fol"}, {"environment": "fol"}),
    "full information whose means move": (
        {"environment": "fol", "drift": {"kind": "linear", "slope": 0.01}},
        {"environment": "fol", "drift": {"kind": "linear", "slope": 0.01}},
    ),
    "nothing": ({}, {}),
}


@pytest.mark.parametrize("name", SUITES)
def test_a_suite_changes_what_it_says_and_nothing_else(name: str) -> None:
    changes, changed = SUITES[name]
    before, given_changes = deepcopy(ENTRY), deepcopy(changes)
    entry = under_suite(ENTRY, changes)
    assert entry == ENTRY | changed
    assert (before, given_changes) == (ENTRY, changes)
    task_from_config("t", entry)


def test_a_drift_makes_no_bandit_of_full_information() -> None:
    fol = ENTRY | {"environment": "fol"}
    drift = {"drift": {"kind": "abrupt", "hazard": 0.1}}
    assert under_suite(fol, drift) == fol | drift
    moving = ENTRY | {"environment": "ns-mab", "drift": {"kind": "abrupt", "hazard": 0.1}}
    assert under_suite(moving, {"horizon_times": 2}) == moving | {"horizon": 40}


def test_a_suite_leaves_the_scenarios_as_they_were() -> None:
    """Twice the horizon, other words: the same means, and rewards of which the shorter ones are the beginning."""
    short = draw_heldout(task_from_config("t", ENTRY), policy="p", scenarios=range(4))
    entry = under_suite(ENTRY, {"horizon_times": 2, "context": "crop-planting", "interaction": "summary"})
    long = draw_heldout(task_from_config("t", entry), policy="p", scenarios=range(4))
    assert (long.mean_rewards == short.mean_rewards).all()
    assert (long.rewards[:, :20] == short.rewards).all()
    assert (long.trajectory_ids, long.seeds.tolist()) == (short.trajectory_ids, short.seeds.tolist())


def test_heldout_scenarios_are_the_same_for_every_policy_and_none_to_learn_from() -> None:
    one, other = (draw_heldout(TASKS[0], policy=name, scenarios=range(6)) for name in ("one", "other"))
    assert (one.rewards == other.rewards).all()
    assert (one.seeds != other.seeds).all()
    assert len(set(one.scenario_ids)) == 6
    assert not set(one.mean_rewards.ravel()) & set(draw(TASKS[0], range(6), 1).mean_rewards.ravel())
