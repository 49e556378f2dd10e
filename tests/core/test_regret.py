import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.regret import regret, regret_curve

MEANS = arrays(np.float64, (4, 1, 3), elements=st.floats(-2, 2))
ACTIONS = arrays(np.int64, (4, 6), elements=st.integers(-1, 2))


def test_known_answer() -> None:
    curve = regret_curve(np.array([[0, 1, 2, -1]]), np.array([[[0.9, 0.5, 0.1]]]))
    assert curve[0] == pytest.approx([0.0, 0.4, 1.2, 2.0])


def test_means_that_change_give_dynamic_regret() -> None:
    means = np.array([[[1.0, 0.0], [0.0, 1.0], [0.25, 0.5]]])
    assert regret_curve(np.array([[0, 0, 0]]), means).tolist() == [[0.0, 1.0, 1.25]]
    assert regret_curve(np.array([[-1, -1, -1]]), means).tolist() == [[1.0, 2.0, 2.25]]


@given(ACTIONS, MEANS)
def test_never_negative_never_falling(actions: np.ndarray, means: np.ndarray) -> None:
    curve = regret_curve(actions, means)
    assert (curve >= 0).all()
    assert (np.diff(curve) >= 0).all()
    assert (regret(actions, means) == curve[:, -1]).all()


@given(ACTIONS, MEANS, st.permutations(range(3)))
def test_names_of_arms_do_not_matter(actions: np.ndarray, means: np.ndarray, names: list[int]) -> None:
    renamed = np.where(actions < 0, -1, np.argsort(names)[actions])
    assert (regret_curve(renamed, means[:, :, names]) == regret_curve(actions, means)).all()


@given(ACTIONS, MEANS)
def test_stationary_is_the_same_as_repeated(actions: np.ndarray, means: np.ndarray) -> None:
    assert (regret_curve(actions, np.repeat(means, 6, axis=1)) == regret_curve(actions, means)).all()


@pytest.mark.parametrize("action", [-2, 3])
def test_an_arm_that_does_not_exist_is_refused(action: int) -> None:
    with pytest.raises(ValueError, match="actions"):
        regret(np.array([[action]]), np.zeros((1, 1, 3)))
