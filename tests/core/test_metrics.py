import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from rmft.core.metrics import (
    action_entropy,
    coverage,
    diversity,
    entropy,
    greedy_frac,
    median_reward,
    min_frac,
    policy_entropy,
    suff_fail,
    suff_fail_curve,
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


def test_suff_fail_at_every_step() -> None:
    best = np.tile([[2], [1], [0]], 6)
    expected = [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 1], [0, 0, 0, 0, 0, 1]]
    assert suff_fail_curve(ACTIONS, best).astype(int).tolist() == expected
    best[0, 3:] = 0  # the best arm of the steps that remain may be another
    assert suff_fail_curve(ACTIONS, best)[0].tolist() == [False] * 6


@given(arrays(np.int64, (4, 9), elements=st.integers(-1, 2)), arrays(np.int64, (4,), elements=st.integers(0, 2)))
def test_suff_fail_never_becomes_less_as_fewer_steps_remain(actions: np.ndarray, best: np.ndarray) -> None:
    curve = suff_fail_curve(actions, np.tile(best[:, None], 9))
    assert (np.diff(curve.astype(int), axis=1) >= 0).all()
    assert (curve[:, 4] == suff_fail(actions, best, 4)).all()


def one_hot(actions: np.ndarray, arms: int = 3) -> np.ndarray:
    return (actions[:, :, None] == np.arange(arms)).astype(float)


def test_entropy_known_answers() -> None:
    shares = np.array([[0.5, 0.25, 0.25], [1 / 3] * 3, [1, 0, 0]])
    assert entropy(shares) == pytest.approx([1.5 / np.log2(3), 1, 0])
    assert entropy(np.array([0.3, 0.7])) == pytest.approx(stats.entropy([0.3, 0.7], base=2))


def test_action_entropy_is_of_the_shares_of_the_arms_that_were_played() -> None:
    found = action_entropy(one_hot(ACTIONS))
    thirds = stats.entropy([4, 1, 1], base=3), stats.entropy([1, 1], base=3), 0  # the last step has no action
    assert found == pytest.approx(thirds)
    assert action_entropy(one_hot(np.full((1, 6), -1))).tolist() == [0]


def test_policies_are_undecided_by_step_or_only_from_step_to_step() -> None:
    undecided, alternating = np.full((1, 4, 2), 0.5), one_hot(np.array([[0, 1, 0, 1]]), 2)
    assert policy_entropy(undecided) == pytest.approx([1]) and policy_entropy(alternating).tolist() == [0]
    assert action_entropy(undecided) == action_entropy(alternating) == pytest.approx([1])


def test_diversity_is_the_share_of_steps_that_differ() -> None:
    actions = np.array([[0, 1, 2, 0], [0, 1, 2, 1], [2, 2, 2, 2], [0, 1, 2, 0], [1, 1, 1, -1], [1, 1, 1, -1]])
    scenarios = ["a", "a", "b", "a", "c", "c"]
    assert diversity(one_hot(actions), scenarios) == pytest.approx([1 / 8, 1 / 4, np.nan, 1 / 8, 0, 0], nan_ok=True)


def test_diversity_of_distributions_is_their_total_variation() -> None:
    pi = np.array([[[0.5, 0.5], [1, 0]], [[0.2, 0.8], [0, 1]]])
    assert diversity(pi, ["a", "a"]) == pytest.approx([(0.3 + 1) / 2] * 2)


def test_trajectories_by_chance_differ_at_all_steps_but_one_in_k() -> None:
    actions = np.random.default_rng(0).integers(4, size=(200, 50))
    assert diversity(one_hot(actions, 4), ["a"] * 200).mean() == pytest.approx(0.75, abs=0.01)


@given(arrays(np.int64, (6, 5), elements=st.integers(-1, 2)), st.permutations(range(6)))
def test_diversity_is_the_naive_count_in_any_order(actions: np.ndarray, order: list[int]) -> None:
    scenarios = np.array(["a", "b", "a", "b", "b", "a"])
    mates = [[j for j in range(6) if j != i and scenarios[j] == scenarios[i]] for i in range(6)]
    naive = [np.mean([(actions[i] != actions[j]).mean() for j in of]) for i, of in enumerate(mates)]
    assert diversity(one_hot(actions), scenarios) == pytest.approx(naive)
    assert diversity(one_hot(actions[order]), scenarios[order]) == pytest.approx(np.array(naive)[order])


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
    assert action_entropy(one_hot(renamed)) == pytest.approx(action_entropy(one_hot(actions)))
    found = diversity(one_hot(renamed), ["a", "a", "b", "b", "b"])
    assert found == pytest.approx(diversity(one_hot(actions), ["a", "a", "b", "b", "b"]))
    best = actions[:, 0]
    assert (suff_fail(renamed, np.array(names)[best], 6) == suff_fail(actions, best, 6)).all()


def test_median_reward_is_rescaled() -> None:
    assert median_reward(np.array([0.1, 0.5, 0.55]), 0.2) == pytest.approx(0.5)
    assert median_reward(np.array([0.6]), 0.2) == pytest.approx(1.0)
