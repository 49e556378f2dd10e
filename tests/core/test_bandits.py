from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from rmft.core.bandits import (
    EpsGreedy,
    Exp3,
    ExploreThenCommit,
    Greedy,
    Random,
    ThompsonBernoulli,
    ThompsonGaussian,
    Ucb,
)
from rmft.core.policies import simulate
from rmft.core.seeding import fold
from rmft.core.seen import Seen


def seen(counts: list[float], sums: list[float], episodes: int = 1, **changes: object) -> Seen:
    """The same history in every episode; importance-weighted sums are the plain ones unless given."""
    n, s = (np.repeat(np.array(v, float)[:, None], episodes, axis=1) for v in (counts, sums))
    seeds = fold(0, np.arange(episodes))
    return replace(Seen(int(sum(counts)), n, s, s, np.full(episodes, -1), seeds), **changes)


def test_random_knows_nothing() -> None:
    assert Random()(seen([9, 1, 0], [9, 0, 0]))[:, 0] == pytest.approx([1 / 3] * 3)


def test_greedy_takes_the_largest_average_without_any_bonus() -> None:
    history = seen([100, 1], [60, 0.5])
    assert Greedy()(history)[:, 0].tolist() == [1, 0]
    assert Ucb(1.0, "none")(history)[:, 0].tolist() == [0, 1]  # the bonus that greedy must not have
    assert Greedy()(seen([4, 2, 2], [2, 1, 0]))[:, 0].tolist() == [0.5, 0.5, 0]
    assert Greedy()(seen([4, 0, 2], [4, 0, 2]))[:, 0].tolist() == [0, 1, 0]


def test_eps_greedy_is_greedy_but_for_epsilon() -> None:
    assert EpsGreedy(0.3)(seen([1, 1, 1], [0, 1, 0]))[:, 0] == pytest.approx([0.1, 0.8, 0.1])


def test_explore_then_commit_never_looks_back() -> None:
    """Arm 1 pays best while exploring and nothing afterwards; it stays."""
    rewards = np.tile([0.2, 1.0, 0.3], (40, 30, 1))
    rewards[:, 6:, 1] = 0
    actions = simulate(ExploreThenCommit(2), rewards, fold(0, np.arange(40))).actions
    assert (np.sort(actions[:, :6], axis=1) == [0, 0, 1, 1, 2, 2]).all()
    assert (np.sort(actions[:, :3], axis=1) == [0, 1, 2]).all()
    assert (actions[:, 6:] == 1).all()
    assert len(np.unique(actions[:, :3], axis=0)) == 6


def test_ucb_by_hand() -> None:
    history = seen([4, 1], [2.4, 0.3])
    assert Ucb(1.0, "none")(history)[:, 0].tolist() == [0, 1]  # .6 + .5 < .3 + 1
    assert Ucb(0.25, "none")(history)[:, 0].tolist() == [1, 0]  # .6 + .25 > .3 + .5
    assert Ucb(0.25, "log")(history)[:, 0].tolist() == [0, 1]  # ln 5: .6 + .317 < .3 + .634
    assert Ucb(0.2, "log")(history)[:, 0].tolist() == [1, 0]  # ln 5: .6 + .284 > .3 + .567
    assert Ucb(5.0, "none")(seen([9, 0], [9, 0]))[:, 0].tolist() == [0, 1]


def test_thompson_bernoulli_chooses_as_often_as_an_arm_is_best() -> None:
    """P(Beta(3, 1) > Beta(1, 2)) = 9/10."""
    share = ThompsonBernoulli()(seen([2, 1], [2, 0], 20_000))[0].mean()
    assert abs(share - 0.9) < 4 * np.sqrt(0.9 * 0.1 / 20_000)


def test_thompson_gaussian_chooses_as_often_as_an_arm_is_best() -> None:
    policy = ThompsonGaussian(noise=0.5, prior_mean=0.4, prior_sd=0.25)
    share = policy(seen([4, 0], [2.4, 0], 20_000))[0].mean()
    # four rewards of average .6 weigh as much as the prior: N(.5, 1/32); the other keeps N(.4, 1/16)
    known = stats.norm.cdf(0.1 / np.sqrt(1 / 32 + 1 / 16))
    assert abs(share - known) < 4 * np.sqrt(known * (1 - known) / 20_000)


def test_exp3_by_hand() -> None:
    pi = Exp3(0.3)(seen([2, 1, 0], [1, 1, 0], weighted=np.array([[5.0], [2.0], [0.0]])))[:, 0]
    weights = np.exp(0.1 * np.array([5.0, 2.0, 0.0]))
    assert pi == pytest.approx(0.7 * weights / weights.sum() + 0.1)
