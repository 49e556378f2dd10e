from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from rmft.core.policies import (
    POLICIES,
    EpsGreedy,
    Exp3,
    ExploreThenCommit,
    Greedy,
    Random,
    Seen,
    ThompsonBernoulli,
    ThompsonGaussian,
    Ucb,
    label,
    play,
    policy_from_config,
    simulate,
)
from rmft.core.seeding import fold
from rmft.core.tasks import Episodes, Task, draw_episodes

ENTRIES = {
    "random": {"policy": "random"},
    "greedy": {"policy": "greedy"},
    "eps-greedy (eps=0.1)": {"policy": "eps_greedy", "epsilon": 0.1},
    "explore-then-commit (m=2)": {"policy": "explore_then_commit", "pulls": 2},
    "UCB (c=1)": {"policy": "ucb", "constant": 1.0, "growth": "none"},
    "UCB (c=2 ln t)": {"policy": "ucb", "constant": 2.0, "growth": "log"},
    "Thompson (Beta(1,1))": {"policy": "thompson_bernoulli"},
    "Thompson (N(0.5, 0.23^2), noise 0.1)": {
        "policy": "thompson_gaussian",
        "noise": 0.1,
        "prior_mean": 0.5,
        "prior_sd": 0.23,
    },
    "EXP3 (gamma=0.216)": {"policy": "exp3", "gamma": 0.216},
}


def seen(counts: list[float], sums: list[float], episodes: int = 1, **changes: object) -> Seen:
    """The same history in every episode; importance-weighted sums are the plain ones unless given."""
    n, s = (np.repeat(np.array(v, float)[:, None], episodes, axis=1) for v in (counts, sums))
    seeds = fold(0, np.arange(episodes))
    return replace(Seen(int(sum(counts)), n, s, s, np.full(episodes, -1), seeds), **changes)


def draw(task: Task, episodes: int) -> Episodes:
    where = {"split": "test", "seed": 0, "iteration": 0, "policy": "p"}
    return draw_episodes(task, **where, scenarios=range(episodes), per_scenario=1)


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


def test_simulate_shows_what_happened_and_nothing_else() -> None:
    """A spy with a fixed pi over three arms checks the books before every step."""
    rewards, pi, book = np.random.default_rng(0).random((50, 9, 3)), np.array([0.5, 0.3, 0.2]), []

    def spy(history: Seen) -> np.ndarray:
        book.append(replace(history, counts=history.counts.copy(), sums=history.sums.copy(), last=history.last.copy()))
        book[-1] = replace(book[-1], weighted=history.weighted.copy())
        return np.repeat(pi[:, None], 50, axis=1)

    did = simulate(spy, rewards, fold(0, np.arange(50)))
    assert (did.rewards == np.take_along_axis(rewards, did.actions[:, :, None], axis=2)[:, :, 0]).all()
    for t, history in enumerate(book):
        mask = did.actions[:, :t, None] == np.arange(3)
        gained = (mask * rewards[:, :t]).sum(axis=1)
        assert history.step == t
        assert (history.counts == mask.sum(axis=1).T).all()
        assert history.sums == pytest.approx(gained.T)
        assert history.weighted == pytest.approx((gained / pi).T)
        assert (history.last == (did.actions[:, t - 1] if t else -1)).all()


def test_actions_are_sampled_from_pi() -> None:
    pi = np.array([0.5, 0.0, 0.3, 0.2, 0.0])
    did = simulate(lambda _: np.repeat(pi[:, None], 2_000, axis=1), np.zeros((2_000, 10, 5)), fold(0, np.arange(2_000)))
    share = np.bincount(did.actions.ravel(), minlength=5) / 20_000
    assert (share[pi == 0] == 0).all()
    assert np.abs(share - pi).max() < 4 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize("name", ENTRIES)
def test_order_and_company_change_nothing(name: str, hard: Task) -> None:
    episodes = draw(hard, 60)
    base = play(ENTRIES[name], hard, episodes)
    some = np.random.default_rng(0).permutation(60)[:23]
    part = replace(episodes, rewards=episodes.rewards[some], seeds=episodes.seeds[some])
    did = play(ENTRIES[name], hard, part)
    assert (did.actions == base.actions[some]).all()
    assert (did.rewards == base.rewards[some]).all()


@pytest.mark.parametrize("name", ENTRIES)
def test_a_longer_horizon_begins_with_the_shorter(name: str, hard: Task) -> None:
    short = replace(hard, horizon=30)
    did, longer = play(ENTRIES[name], short, draw(short, 20)), play(ENTRIES[name], hard, draw(hard, 20))
    assert (longer.actions[:, :30] == did.actions).all()


@pytest.mark.parametrize("name", ["greedy", "UCB (c=1)", "UCB (c=2 ln t)", "explore-then-commit (m=2)"])
def test_each_arm_is_tried_once_first_in_random_order(name: str, hard: Task) -> None:
    first = play(ENTRIES[name], hard, draw(hard, 400)).actions[:, :5]
    assert (np.sort(first, axis=1) == np.arange(5)).all()
    assert stats.chisquare(np.bincount(first[:, 0])).pvalue > 0.01


@given(
    arrays(np.int64, (4,), elements=st.integers(0, 20)),
    arrays(np.float64, (4,), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    st.permutations(range(4)),
    st.sampled_from([n for n in ENTRIES if not n.startswith("Thompson")]),
)
def test_pi_is_a_distribution_and_names_of_arms_do_not_matter(
    counts: np.ndarray, averages: np.ndarray, names: list[int], name: str
) -> None:
    policy, sums = policy_from_config(ENTRIES[name]), counts * averages
    pi = policy(seen(counts.tolist(), sums.tolist(), last=np.array([2])))[:, 0]
    assert (pi >= 0).all()
    assert pi.sum() == pytest.approx(1)
    there = np.array([names.index(2)])
    assert policy(seen(counts[names].tolist(), sums[names].tolist(), last=there))[:, 0] == pytest.approx(pi[names])


def test_labels_print_every_constant() -> None:
    assert [label(entry) for entry in ENTRIES.values()] == list(ENTRIES)
    assert {entry["policy"] for entry in ENTRIES.values()} == set(POLICIES)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"policy": "ucb2"}, "policy: must be one of"),
        ({"policy": "ucb", "constant": 1.0}, "growth"),
        ({"policy": "ucb", "constant": 1.0, "growth": "ln"}, "growth"),
        ({"policy": "ucb", "constant": -1.0, "growth": "log"}, "constant"),
        ({"policy": "eps_greedy", "epsilon": 1.1}, "epsilon"),
        ({"policy": "explore_then_commit", "pulls": 0}, "pulls"),
        ({"policy": "thompson_gaussian", "noise": 0, "prior_mean": 0.5, "prior_sd": 0.2}, "noise"),
        ({"policy": "exp3", "gamma": 0}, "gamma"),
        ({"policy": "greedy", "bonus": 1}, "bonus"),
    ],
)
def test_impossible_policies_are_refused_by_name(entry: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        policy_from_config(entry)


def test_thompson_bernoulli_refuses_gaussian_rewards(gaussian: Task) -> None:
    with pytest.raises(ValueError, match="Bernoulli rewards"):
        play({"policy": "thompson_bernoulli"}, gaussian, draw(gaussian, 2))
