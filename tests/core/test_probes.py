"""Fixed histories: the same for everybody, of the task's own rewards, and traps that are what they are called."""

import numpy as np
import pytest

from rmft.core.metrics import pulls
from rmft.core.probes import Histories, histories, repeated
from rmft.core.tasks import Task, task_from_config
from rmft.core.trajectory import realised_means

BASE = {
    "environment": "mab",
    "arms": 3,
    "horizon": 20,
    "means": {"kind": "uniform", "low": 0.1, "high": 0.9},
    "rewards": {"kind": "gaussian", "noise": 0.1},
    "context": "buttons",
}
ABRUPT = {"environment": "ns-mab", "drift": {"kind": "abrupt", "hazard": 0.05}}
KINDS = {
    "mab": {},
    "fol": {"environment": "fol", "rewards": {"kind": "gaussian", "noise": 0.3}},
    "ns-mab": ABRUPT,
    "adaptive": {"environment": "ns-mab", "drift": {"kind": "adaptive", "penalty": 0.2}},
    "five": {"arms": 5, "horizon": 30, "rewards": {"kind": "cauchy", "scale": 0.05, "clip": [-1, 2]}},
    "coins": {"rewards": {"kind": "bernoulli"}},
}
NUMBER = 4


def task_of(**changes: object) -> Task:
    return task_from_config("probed", BASE | changes)


@pytest.fixture(scope="module", params=KINDS)
def task(request: pytest.FixtureRequest) -> Task:
    return task_of(**KINDS[request.param])


def of_kind(task: Task, kind: str) -> Histories:
    (found,) = (each for each in histories(task, NUMBER) if each.kind == kind)
    return found


def seen(task: Task, found: Histories) -> tuple[np.ndarray, np.ndarray]:
    """How often each arm was shown, and its average, N x K."""
    steps = found.actions.shape[1]
    vectors = realised_means(found.episodes.rewards[:, :steps], found.actions, found.episodes.reaction)
    shown = found.actions[:, :, None] == np.arange(task.arms)
    if task.environment == "fol":
        shown = np.ones_like(shown)
    counts = shown.sum(axis=1)
    with np.errstate(invalid="ignore"):
        return counts, (shown * vectors).sum(axis=1) / counts


def test_they_are_the_same_whoever_asks(task: Task) -> None:
    for one, other in zip(histories(task, NUMBER), histories(task, NUMBER), strict=True):
        assert one.kind == other.kind
        for values in ("actions", "traps"):
            np.testing.assert_array_equal(getattr(one, values), getattr(other, values))
        np.testing.assert_array_equal(one.episodes.rewards, other.episodes.rewards)


def test_they_fit_an_episode(task: Task) -> None:
    for found in histories(task, NUMBER):
        assert len(found) == len(found.episodes) == len(found.actions) == NUMBER
        steps = found.actions.shape[1]
        assert 1 <= steps < task.horizon and steps < found.episodes.rewards.shape[1]
        assert ((found.actions >= 0) & (found.actions < task.arms)).all()


def test_plain_ones_are_random_and_have_no_trap(task: Task) -> None:
    found = of_kind(task, "plain")
    assert (found.traps == -1).all() and found.actions.shape[1] == task.horizon // 2
    many = pulls(histories(task, 300)[0].actions, task.arms).sum(axis=0)
    assert many / many.sum() == pytest.approx(1 / task.arms, abs=0.03)


def test_a_lucky_bad_arm_looks_best_and_is_worst(task: Task) -> None:
    found = of_kind(task, "lucky-bad-arm")
    means, steps, rows = found.episodes.mean_rewards, found.actions.shape[1], np.arange(len(found))
    at = means[:, min(steps, means.shape[1] - 1)]
    counts, averages = seen(task, found)
    np.testing.assert_array_equal(found.traps, at.argmin(axis=1))
    np.testing.assert_array_equal(found.traps, averages.argmax(axis=1))
    others = np.where(np.arange(task.arms) == found.traps[:, None], -np.inf, averages).max(axis=1)
    assert (averages[rows, found.traps] > others + 0.01).all()
    assert (pulls(found.actions, task.arms)[rows, found.traps] == 2).all()
    if task.environment != "fol":
        assert (counts[rows, found.traps] == 2).all()
    apart = at.max(axis=1) - at.min(axis=1)
    assert (np.diff(apart) <= 0).all()  # the worst traps first


def test_a_reward_that_fluctuates_is_on_average_like_the_others() -> None:
    for name in set(KINDS) - {"coins"}:
        task = task_of(**KINDS[name])
        found = of_kind(task, "fluctuating")
        _, averages = seen(task, found)
        assert averages == pytest.approx(averages[0, 0])
        steps = found.actions.shape[1]
        for actions, rewards, trap in zip(found.actions, found.episodes.rewards[:, :steps], found.traps, strict=True):
            paid = rewards[:, trap] if task.environment == "fol" else rewards[actions == trap, trap]
            assert len(paid) % 2 == 0 and len(set(paid)) == 2
            assert (paid[::2] > averages[0, 0]).all() and (paid[1::2] < averages[0, 0]).all()
            assert np.delete(rewards, trap, axis=1) == pytest.approx(averages[0, 0])
        assert set(found.traps) == set(range(min(NUMBER, task.arms)))


def test_a_reward_of_0_or_1_or_without_scatter_cannot_fluctuate_about_the_middle() -> None:
    for rewards in ({"kind": "bernoulli"}, {"kind": "gaussian", "noise": 0.0}):
        assert "fluctuating" not in [each.kind for each in histories(task_of(rewards=rewards), NUMBER)]


def test_where_nothing_scatters_no_bad_arm_is_lucky() -> None:
    assert [each.kind for each in histories(task_of(rewards={"kind": "gaussian", "noise": 0.0}), NUMBER)] == ["plain"]


@pytest.mark.parametrize("horizon", [2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("environment", ["mab", "fol"])
def test_short_episodes_have_histories_too(horizon: int, environment: str) -> None:
    task = task_of(horizon=horizon, environment=environment)
    for found in histories(task, NUMBER):
        assert 1 <= found.actions.shape[1] < horizon
        assert found.actions.shape[1] < found.episodes.rewards.shape[1]


def test_a_single_step_has_none() -> None:
    with pytest.raises(ValueError, match="tasks: probed: horizon 1 has no history"):
        histories(task_of(horizon=1), NUMBER)


def test_repeats_differ_by_the_policys_stream_alone(task: Task) -> None:
    episodes = histories(task, NUMBER)[0].episodes
    every = repeated(episodes, 3)
    assert len(every) == 3 * NUMBER and len(set(every.seeds.tolist())) == 3 * NUMBER
    assert every.trajectory_ids == [name for name in episodes.trajectory_ids for _ in range(3)]
    np.testing.assert_array_equal(every.rewards[::3], episodes.rewards)
    np.testing.assert_array_equal(every.rewards[2::3], episodes.rewards)
    assert every.reaction == episodes.reaction
