from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.rolling import rolling_regret
from rmft.core.trajectory import Play

ACTIONS = arrays(np.int64, (3, 7), elements=st.integers(-1, 2))
VECTORS = arrays(np.float64, (3, 7, 3), elements=st.floats(-2, 2))


def played(actions: np.ndarray, vectors: np.ndarray, *, full: bool = False) -> Play:
    """What some actions earned of these rewards: 0 where there was none, as in a record. The means must not matter."""
    earned = np.take_along_axis(vectors, np.maximum(actions, 0)[:, :, None], axis=2)[:, :, 0]
    hidden = np.full((len(actions), 1, vectors.shape[2]), np.nan)
    return Play(actions, np.where(actions < 0, 0.0, earned), hidden, vectors if full else None)


def naive(play: Play, window: int) -> list[float]:
    """Episode by episode, step by step, arm by arm."""
    totals = []
    for row, actions in enumerate(play.actions.tolist()):
        total = 0.0
        for t in range(len(actions)):
            averages = []
            for arm in range(play.means.shape[2]):
                steps = range(max(0, t - window + 1), t + 1)
                if play.vectors is None:
                    seen = [play.rewards[row, s] for s in steps if actions[s] == arm]
                else:
                    seen = [play.vectors[row, s, arm] for s in steps]
                averages += [sum(seen) / len(seen)] if seen else []
            total += max(averages) - play.rewards[row, t] if averages else 0.0
        totals.append(total)
    return totals


def test_known_answer_of_a_bandit() -> None:
    """Window 2. Best averages: .5 (A), .9 (B of A, B), .9 (B of B, C), .6 (C twice: .4, .8; B is forgotten)."""
    vectors = np.array([[[0.5, 9, 9], [9, 0.9, 9], [9, 9, 0.4], [9, 9, 0.8]]])
    did = played(np.array([[0, 1, 2, 2]]), vectors)
    assert rolling_regret(did, 2) == pytest.approx([0 + 0 + (0.9 - 0.4) + (0.6 - 0.8)])


def test_known_answer_of_full_information() -> None:
    """Window 2. Best averages: 1 (A), 1.5 (B: 0, 3), 2 (B: 3, 1); the actions paid 0, 0 and 1."""
    vectors = np.array([[[1.0, 0.0], [0.0, 3.0], [0.0, 1.0]]])
    assert rolling_regret(played(np.array([[1, 0, 1]]), vectors, full=True), 2) == pytest.approx([1 + 1.5 + (2 - 1)])


def test_an_arm_that_was_never_tried_is_not_missed() -> None:
    constant = np.broadcast_to([0.1, 0.9, 0.5], (1, 6, 3))
    always, once = played(np.zeros((1, 6), int), constant), played(np.array([[0, 1, 0, 0, 0, 0]]), constant)
    assert rolling_regret(always, 10) == pytest.approx([0])
    assert rolling_regret(once, 10) == pytest.approx([4 * 0.8])
    assert rolling_regret(once, 3) == pytest.approx([2 * 0.8])  # and one is forgotten after the window
    assert rolling_regret(replace(always, vectors=constant), 10) == pytest.approx([6 * 0.8])


def test_a_step_without_an_action_earns_nothing_and_shows_nothing() -> None:
    vectors = np.full((1, 5, 3), 0.5)
    assert rolling_regret(played(np.array([[-1, -1, 1, -1, -1]]), vectors), 2) == pytest.approx([0 + 0 + 0 + 0.5 + 0])
    assert rolling_regret(played(np.full((1, 5), -1), vectors), 2).tolist() == [0]


@given(ACTIONS, VECTORS, st.integers(1, 20), st.booleans())
def test_against_a_naive_loop(actions: np.ndarray, vectors: np.ndarray, window: int, full: bool) -> None:
    did = played(actions, vectors, full=full)
    before = vectors.copy()
    assert rolling_regret(did, window) == pytest.approx(naive(did, window), abs=1e-9)
    assert (vectors == before).all()


@given(ACTIONS, VECTORS, st.booleans())
def test_a_window_larger_than_the_horizon_is_the_whole_history(
    actions: np.ndarray, vectors: np.ndarray, full: bool
) -> None:
    did = played(actions, vectors, full=full)
    assert (rolling_regret(did, 7) == rolling_regret(did, 8)).all()
    assert (rolling_regret(did, 7) == rolling_regret(did, 1000)).all()


@given(ACTIONS, VECTORS, st.integers(1, 9), st.permutations(range(3)), st.booleans())
def test_names_of_arms_and_company_do_not_matter(
    actions: np.ndarray, vectors: np.ndarray, window: int, names: list[int], full: bool
) -> None:
    base = rolling_regret(played(actions, vectors, full=full), window)
    renamed = played(np.where(actions < 0, -1, np.argsort(names)[actions]), vectors[:, :, names], full=full)
    assert rolling_regret(renamed, window) == pytest.approx(base)
    assert (rolling_regret(played(actions[1:2], vectors[1:2], full=full), window) == base[1:2]).all()
