import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.tracking import around, changes, played, window

# Best arms 0 0 1 1 2 0 and 1 1 1 1 1 1.
MEANS = np.eye(3)[np.array([[0, 0, 1, 1, 2, 0], [1, 1, 1, 1, 1, 1]])]


def test_the_best_arm_and_the_one_before_it() -> None:
    found = changes(MEANS)
    assert found.best.tolist() == [[0, 0, 1, 1, 2, 0], [1] * 6]
    assert found.former.tolist() == [[-1, -1, 0, 0, 1, 2], [-1] * 6]
    assert found.at.astype(int).tolist() == [[0, 0, 1, 0, 1, 1], [0] * 6]


def test_who_follows_and_who_stays() -> None:
    pi = np.eye(3)[np.array([[0, 0, 0, 1, 1, 0], [0, 1, 1, 1, 1, 2]])]
    found = changes(MEANS)
    assert played(pi, found.best).tolist() == [[1, 1, 0, 1, 0, 1], [0, 1, 1, 1, 1, 0]]
    assert played(pi, found.former).tolist() == [[0, 0, 1, 0, 1, 0], [0] * 6]


@pytest.mark.parametrize(
    ("before", "after", "at"), [(1, 2, [2]), (2, 2, [2]), (3, 2, [4]), (3, 1, [4]), (5, 1, [5]), (5, 2, [])]
)
def test_the_first_change_with_room(before: int, after: int, at: list[int]) -> None:
    episodes, steps = around(changes(MEANS), before, after)
    assert (episodes.tolist(), steps.tolist()) == ([0] * len(at), at)


def test_a_window_follows_the_two_arms_of_its_change() -> None:
    """The change at step 2 is from arm 0 to arm 1; that arm 2 is best at step 4 does not matter."""
    pi = np.eye(3)[np.array([[0, 1, 0, 1, 1, 0], [0] * 6])]
    new, old = window(pi, changes(MEANS), 2, 3)
    assert new.tolist() == [[0, 1, 0, 1, 1]] and old.tolist() == [[1, 0, 1, 0, 0]]


def test_shares_count_as_they_are() -> None:
    pi = np.full((2, 6, 3), 1 / 3)
    assert played(pi, changes(MEANS).best) == pytest.approx(1 / 3)


@given(arrays(float, (4, 8, 3), elements=st.floats(0, 1)), st.permutations(range(3)))
def test_the_names_of_arms_do_not_matter(means: np.ndarray, order: list[int]) -> None:
    means = means + np.arange(3) * 1e-9 * (1 + np.arange(8)[:, None])  # no two alike
    pi = means / means.sum(axis=2, keepdims=True)
    one, other = changes(means), changes(means[:, :, order])
    for name in ("best", "former"):
        here, there = played(pi, getattr(one, name)), played(pi[:, :, order], getattr(other, name))
        np.testing.assert_allclose(here, there)
    for here, there in zip(window(pi, one, 2, 3), window(pi[:, :, order], other, 2, 3), strict=True):
        np.testing.assert_allclose(here, there)
