import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special, stats

from rmft.core.metrics import (
    coverage,
    greedy_frac,
    growth_exponent,
    incomplete_beta,
    median_reward,
    min_frac,
    suff_fail,
    trend_p_value,
)

ACTIONS = np.array([[0, 1, 2, 0, 0, 0], [1, 1, 1, 2, 2, 2], [0, 0, 0, 0, 0, -1]])


def test_suff_fail_looks_at_the_last_steps_alone() -> None:
    assert suff_fail(ACTIONS, np.array([2, 2, 1]), 3).tolist() == [True, False, True]
    assert suff_fail(ACTIONS, np.array([2, 1, 0]), 0).tolist() == [False, False, False]
    assert suff_fail(ACTIONS, np.array([0, 1, 0]), 5).tolist() == [False, True, True]


def test_min_frac_and_coverage() -> None:
    assert min_frac(ACTIONS, 3, 6) == pytest.approx([0.5, 0.0, 0.0])
    assert min_frac(ACTIONS, 3, 3) == pytest.approx([1.0, 0.0, 0.0])
    assert coverage(ACTIONS, 3) == pytest.approx([1, 2 / 3, 1 / 3])


def test_greedy_frac_known_answer() -> None:
    actions = np.array([[0, 1, 0, 2, 1, 0, -1]])
    rewards = np.array([[0.5, 0.7, 0.1, 0.0, 0.7, 0.9, 0.0]])
    # 0 untried, 1 untried, 0 below 1, 2 untried, 1 the largest, 0 below 1, none
    assert greedy_frac(actions, rewards, 3) == pytest.approx([4 / 7])


def test_staying_on_the_first_arm_is_greedy() -> None:
    assert greedy_frac(np.zeros((1, 9), int), np.ones((1, 9)), 3).tolist() == [1.0]


def naive_greedy(actions: list[int], rewards: list[float], arms: int) -> float:
    seen, greedy = {a: [] for a in range(arms)}, 0
    for action, reward in zip(actions, rewards, strict=True):
        averages = {a: statistics.mean(r) for a, r in seen.items() if r}
        greedy += action not in averages or averages[action] == max(averages.values())
        seen[action].append(reward)
    return greedy / len(actions)


@given(arrays(np.int64, (3, 12), elements=st.integers(0, 3)), arrays(np.int64, (3, 12), elements=st.integers(0, 1)))
def test_greedy_frac_is_the_naive_count(actions: np.ndarray, rewards: np.ndarray) -> None:
    naive = [naive_greedy(a, r, 4) for a, r in zip(actions.tolist(), rewards.tolist(), strict=True)]
    assert greedy_frac(actions, rewards, 4) == pytest.approx(naive)


@given(arrays(np.int64, (5, 12), elements=st.integers(0, 2)), st.permutations(range(3)))
def test_names_of_arms_do_not_matter(actions: np.ndarray, names: list[int]) -> None:
    renamed, rewards = np.array(names)[actions], np.sin(np.arange(60)).reshape(5, 12)
    assert (min_frac(renamed, 3, 12) == min_frac(actions, 3, 12)).all()
    assert (coverage(renamed, 3) == coverage(actions, 3)).all()
    assert (greedy_frac(renamed, rewards, 3) == greedy_frac(actions, rewards, 3)).all()
    best = actions[:, 0]
    assert (suff_fail(renamed, np.array(names)[best], 6) == suff_fail(actions, best, 6)).all()


def test_median_reward_is_rescaled() -> None:
    assert median_reward(np.array([0.1, 0.5, 0.55]), 0.2) == pytest.approx(0.5)
    assert median_reward(np.array([0.6]), 0.2) == pytest.approx(1.0)


@pytest.mark.parametrize("beta", [0.3, 0.5, 1.0])
def test_growth_exponent_of_a_power(beta: float) -> None:
    found, p = growth_exponent(3 * np.arange(1, 51) ** beta)
    assert found == pytest.approx(beta)
    assert p < 1e-12


def test_growth_exponent_is_the_textbook_regression() -> None:
    curve = np.cumsum(np.random.default_rng(0).exponential(size=40))
    reference = stats.linregress(np.log(np.arange(1, 41)), np.log(curve))
    assert growth_exponent(curve) == pytest.approx((reference.slope, reference.pvalue), rel=1e-9)


def test_growth_exponent_floors_regret_at_zero() -> None:
    curve = np.array([0.0, 0.0, 1.0, 2.0, 4.0])
    reference = stats.linregress(np.log(np.arange(1, 6)), [-10, -10, 0, np.log(2), np.log(4)])
    assert growth_exponent(curve) == pytest.approx((reference.slope, reference.pvalue))


def test_growth_exponent_of_constants_and_of_too_little() -> None:
    assert growth_exponent(np.full(10, 2.0)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 steps"):
        growth_exponent(np.ones(2))


@given(st.floats(0.3, 200), st.floats(0.3, 200), st.floats(0, 1))
def test_incomplete_beta_is_scipys(a: float, b: float, x: float) -> None:
    assert incomplete_beta(a, b, x) == pytest.approx(special.betainc(a, b, x), rel=1e-8, abs=1e-14)


@pytest.mark.parametrize("t", [0.0, 0.1, 2.0, 15.0, 60.0])
@pytest.mark.parametrize("freedom", [1, 3, 23, 198])
def test_student_t_tail_is_scipys(t: float, freedom: int) -> None:
    ours = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t**2))
    assert ours == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-9)


def test_trend_p_value() -> None:
    assert trend_p_value(np.sqrt(np.arange(1, 26))) == 0.5**24
    assert trend_p_value(np.arange(1, 26) ** 2.0) == 1.0
    falls = np.array([1.0, 0.9, 0.95, 0.8, 0.7]) * np.arange(1, 6)
    assert trend_p_value(falls) == pytest.approx(stats.binom.sf(2, 4, 0.5))
