from collections.abc import Iterable

import numpy as np
import pytest

from rmft.core.bandits import Exp3, Ucb
from rmft.core.forgetting import DiscountedUcb, Exp3S, SlidingWindowUcb
from rmft.core.policies import Learner, Policy, simulate
from rmft.core.seeding import fold, uniforms
from rmft.core.seen import Seen


def after(policy: Learner, steps: Iterable[tuple[int, float]], arms: int = 2) -> np.ndarray:
    """pi (K) after one episode of arms that were played and what they paid."""
    counts, sums = np.zeros((2, arms, 1))
    seen = Seen(0, counts, sums, sums, np.full(1, -1), fold(0, np.arange(1)))
    for t, (arm, paid) in enumerate(steps):
        shown = np.arange(arms)[:, None] == arm
        own = policy.learn(seen, shown, shown * paid, shown * paid)
        seen = Seen(t + 1, counts, sums, sums, np.array([arm]), seen.seeds, own)
    return policy(seen)[:, 0]


def bernoulli(means: np.ndarray, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rewards E x T x K for means T x K, and seeds."""
    draws = uniforms(fold(7, np.arange(episodes))[:, None, None], np.arange(means.size).reshape(means.shape))
    return (draws < means).astype(float), fold(8, np.arange(episodes))


def abrupt(steps: int) -> np.ndarray:
    """Means T x 3: the worst arm becomes the best one half way."""
    means = np.tile([0.9, 0.5, 0.1], (steps, 1))
    means[steps // 2 :] = means[0, ::-1]
    return means


def dynamic_regret(policy: Policy, means: np.ndarray, episodes: int) -> np.ndarray:
    """sum_t max_a r_t(a) - r_t(a_t), E."""
    actions = simulate(policy, *bernoulli(means, episodes)).actions
    return (means.max(axis=1) - means[np.arange(len(means)), actions]).sum(axis=1)


def test_sliding_window_ucb_by_hand() -> None:
    """The first step has left the window of three: .7 of two pulls against .4 of one; bonus sqrt(c ln 3 / n)."""
    steps = [(0, 0.0), (0, 0.8), (1, 0.4), (0, 0.6)]
    assert after(SlidingWindowUcb(0.95, 3), steps).tolist() == [1, 0]
    assert after(SlidingWindowUcb(0.96, 3), steps).tolist() == [0, 1]
    assert after(SlidingWindowUcb(0.0, 3), steps).tolist() == [1, 0]
    assert after(SlidingWindowUcb(0.0, 2), [(1, 1.0), (0, 0.3), (0, 0.3)]).tolist() == [0, 1]  # forgotten: tried anew


def test_discounted_ucb_by_hand() -> None:
    """Counts 1/4 + 1 and 1/2, averages 1.05 / 1.25 = .84 and .4; bonus sqrt(c ln 1.75 / n)."""
    steps = [(0, 1.0), (1, 0.4), (0, 0.8)]
    assert after(DiscountedUcb(1.27, 0.5), steps).tolist() == [1, 0]
    assert after(DiscountedUcb(1.29, 0.5), steps).tolist() == [0, 1]
    faded = [(0, 1.0), (1, 0.4), (0, 0.0)]  # .25 / 1.25 against .4, where the plain average of arm 0 is .5
    assert after(DiscountedUcb(0.0, 0.5), faded).tolist() == [0, 1]
    assert after(DiscountedUcb(0.0, 1.0), faded).tolist() == [1, 0]


def test_exp3_s_by_hand() -> None:
    weights = np.array([np.exp(0.1 * 2), 1, 1]) + 3 * np.e * 0.1 / 3
    assert after(Exp3S(0.3, 0.1), [(0, 2.0)], 3) == pytest.approx(0.7 * weights / weights.sum() + 0.1)
    weights = weights * [1, np.exp(0.1 * 5), 1] + weights.sum() * np.e * 0.1 / 3
    assert after(Exp3S(0.3, 0.1), [(0, 2.0), (1, 5.0)], 3) == pytest.approx(0.7 * weights / weights.sum() + 0.1)


def test_exp3_s_stays_a_distribution_where_weights_leave_the_range_of_numbers() -> None:
    pi = after(Exp3S(1.0, 0.0), [(0, 2_000.0)] * 3)
    assert pi == pytest.approx([0.5, 0.5])
    rich, forgetful = [(0, 9e4)] * 4, Exp3S(0.5, 0.01)
    assert after(forgetful, [*rich, (1, 1.0)]) == pytest.approx([0.75, 0.25], abs=0.01)
    assert after(forgetful, [*rich, (1, 1.0), (1, 200.0)])[1] > 0.74  # any lead is made up for in a few steps
    assert after(Exp3S(0.5, 0.0), [*rich, (1, 1.0), (1, 200.0)])[1] == 0.25


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("forgetful", "plain"),
    [
        (SlidingWindowUcb(0.5, 200), Ucb(0.5, "log")),
        (SlidingWindowUcb(2.0, 999), Ucb(2.0, "log")),
        (DiscountedUcb(0.5, 1.0), Ucb(0.5, "log")),
        (Exp3S(0.2, 0.0), Exp3(0.2)),
    ],
    ids=["window-T", "window-999", "discount-1", "alpha-0"],
)
def test_with_nothing_forgotten_it_is_the_plain_bandit(forgetful: Learner, plain: Policy, full: bool) -> None:
    rewards, seeds = bernoulli(abrupt(200), 100)
    ours, theirs = (simulate(policy, rewards, seeds, full=full) for policy in (forgetful, plain))
    assert (ours.actions == theirs.actions).all()


@pytest.mark.parametrize("window", [1, 3, 10])
def test_the_window_holds_the_last_steps_alone(window: int) -> None:
    rewards, seeds = bernoulli(abrupt(60), 20)
    policy, book = SlidingWindowUcb(0.5, window), []

    class Spy:
        def __call__(self, seen: Seen) -> np.ndarray:
            if seen.own:
                book.append(seen.own[:2])
            return policy(seen)

        def learn(self, *given: object) -> tuple:
            return policy.learn(*given)

    did = simulate(Spy(), rewards, seeds)
    played = did.actions[:, :, None] == np.arange(3)
    for t, (counts, sums) in enumerate(book, start=1):
        recent = slice(max(t - window, 0), t)
        assert (counts == played[:, recent].sum(axis=1).T).all()
        assert (sums == (played * rewards)[:, recent].sum(axis=1).T).all()


@pytest.mark.parametrize("name", ["window", "discount"])
def test_after_abrupt_changes_forgetting_beats_ucb1(name: str) -> None:
    """The instance of Garivier and Moulines 2011, section 5: the worst arm but one is the best one for a while.

    Their window and discount for two changes. On one change that takes the best arm's place at its cost, UCB1 adapts faster.
    """
    steps = 10_000
    means = np.tile([0.5, 0.3, 0.4], (steps, 1))
    means[3_000:5_000, 2] = 0.9
    window, discount = int(2 * np.sqrt(steps * np.log(steps) / 2)), 1 - np.sqrt(2 / steps) / 4
    policy = {"window": SlidingWindowUcb(0.5, window), "discount": DiscountedUcb(0.5, discount)}[name]
    ours, ucb1 = (dynamic_regret(p, means, 20) for p in (policy, Ucb(2.0, "log")))
    assert ours.mean() < 0.8 * ucb1.mean()
    assert ours.max() < ucb1.min()


def test_exp3_keeps_its_bound() -> None:
    """Auer et al. 2002, corollary 3.2 with g = T: 2.63 sqrt(T K ln K), on realised rewards against the best arm."""
    steps, arms = 2_000, 5
    rewards, seeds = bernoulli(np.tile([0.9, 0.1, 0.1, 0.1, 0.1], (steps, 1)), 50)
    gamma = min(1, np.sqrt(arms * np.log(arms) / ((np.e - 1) * steps)))
    did = simulate(Exp3(gamma), rewards, seeds)
    found = (rewards.sum(axis=1).max(axis=1) - did.rewards.sum(axis=1)).mean()
    assert found < 2.63 * np.sqrt(steps * arms * np.log(arms)) < 0.3 * 0.8 * 0.8 * steps  # 0.64 T: random's


def test_exp3_s_keeps_its_bound_and_beats_exp3_after_a_change() -> None:
    """Auer et al. 2002, corollary 8.3, two segments (S = 2): 2 sqrt(e - 1) sqrt(K T (S ln(K T) + e))."""
    steps, arms = 4_000, 3
    inside = arms * steps * (2 * np.log(arms * steps) + np.e)
    gamma, bound = np.sqrt(inside / (np.e - 1)) / steps, 2 * np.sqrt((np.e - 1) * inside)
    ours, exp3 = (dynamic_regret(p, abrupt(steps), 40).mean() for p in (Exp3S(gamma, 1 / steps), Exp3(gamma)))
    assert ours < bound < 0.9 * 0.4 * steps  # 0.4 T: random's
    assert ours < 0.8 * exp3
