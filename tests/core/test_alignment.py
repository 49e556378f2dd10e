"""Reasonings against histories: players who are always right, always wrong, and right but do otherwise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.alignment import COUNTS, counts, doing, largest, shown_averages, spoken
from rmft.core.reasoning import NOTHING, Said
from rmft.core.trajectory import Play

ACTIONS = np.array([[0, 1, 2, 1, 0, 1]])
REWARDS = np.array([[0.2, 0.6, 0.4, 0.8, 0.2, 0.7]])
BEFORE = [  # the average of each arm before each step
    (np.nan, np.nan, np.nan),
    (0.2, np.nan, np.nan),
    (0.2, 0.6, np.nan),
    (0.2, 0.6, 0.4),
    (0.2, 0.7, 0.4),
    (0.2, 0.7, 0.4),
]
BEST = [None, 0, 1, 1, 1, 1]


def two_decimals(values: np.ndarray) -> np.ndarray:
    return np.round(values, 2)


def play(actions: np.ndarray = ACTIONS, rewards: np.ndarray = REWARDS, **more: np.ndarray) -> Play:
    return Play(np.array(actions), np.array(rewards), np.full((len(actions), 1, 3), 0.5), **more)


def averages(of: Play, **how: bool) -> np.ndarray:
    return shown_averages(of, two_decimals, **{"summary": False, "weighted": False} | how)


def counted(said: list[Said | None], of: Play, *, distribution: bool = False) -> dict[str, float]:
    """The counts of one episode."""
    found = counts(spoken([said], of.actions.shape[1], 3), averages(of), doing(of, distribution=distribution))
    return {name: values[0].item() for name, values in found.items()}


def names(best: int | None, *stated: tuple[int, float]) -> Said:
    return Said(best, stated, False, best is not None)


def test_averages_are_those_before_each_step() -> None:
    np.testing.assert_allclose(averages(play())[0], BEFORE)


def test_always_right_and_acts_on_it() -> None:
    said = [NOTHING, *(names(arm, (arm, BEFORE[t][arm])) for t, arm in enumerate(BEST) if arm is not None)]
    does = play(actions=[[0, 0, 1, 1, 1, 1]])
    same = counts(spoken([said], 6, 3), averages(play()), doing(does, distribution=False))
    found = {name: values[0].item() for name, values in same.items()}
    expected = {"steps": 6, "stated": 5, "right": 5, "acted": 5, "explores": 0, "exploits": 5, "numbers": 5}
    assert found == {**expected, "stated_all": 3, "right_all": 3, "error": pytest.approx(0)}


def test_always_wrong() -> None:
    found = counted([names(2)] * 3 + [names(0, (0, 0.5), (2, 0.3))] * 3, play())
    assert (found["steps"], found["stated"], found["right"], found["acted"]) == (6, 6, 0, 0)
    assert (found["stated_all"], found["right_all"]) == (3, 0)
    assert found["numbers"] == 6 and found["error"] == pytest.approx(3 * 0.3 + 3 * 0.1)


def test_right_but_acts_otherwise() -> None:
    """The knowing-doing gap: the best arm is named at every step, and another one is played at two of five."""
    found = counted([names(best) for best in BEST], play())
    assert (found["stated"], found["right"], found["acted"]) == (5, 5, 2)  # plays 1 at steps 3 and 5


def test_ties_are_right_and_untried_arms_are_not() -> None:
    tied = play(actions=[[0, 1, 2]], rewards=[[0.5, 0.5, 0.1]])
    for arm, right in ((0, 1), (1, 1), (2, 0)):
        assert counted([None, None, names(arm)], tied)["right"] == right


def test_an_average_is_of_what_was_shown_rounded() -> None:
    of = play(actions=[[0, 0, 0]], rewards=[[0.204, 0.304, 0.0]])
    assert averages(of)[0, 2, 0] == pytest.approx((0.20 + 0.30) / 2)
    assert averages(of, summary=True)[0, 2, 0] == pytest.approx(0.25)  # 0.254, written
    assert counted([None, None, names(0, (0, 0.25))], of)["error"] == pytest.approx(0)


def test_what_is_said_of_arms_of_which_nothing_was_shown_has_no_error() -> None:
    found = counted([names(1, (1, 0.9)), *[None] * 5], play())
    assert (found["steps"], found["stated"], found["numbers"], found["error"]) == (1, 1, 0, 0)


def test_full_information_shows_every_arm() -> None:
    vectors = np.array([[[0.1, 0.5, 0.9], [0.3, 0.7, 0.1], [0, 0, 0]]])
    of = play(actions=[[0, 0, 0]], rewards=[[0.1, 0.3, 0.0]], vectors=vectors)
    np.testing.assert_allclose(averages(of)[0, 1:], [[0.1, 0.5, 0.9], [0.2, 0.6, 0.5]])
    found = counted([names(0), names(2), names(1)], of)
    assert (found["right"], found["acted"], found["stated_all"], found["right_all"]) == (2, 0, 2, 2)


def test_weighted_rewards_are_shown_divided_by_their_probability() -> None:
    pi = np.array([[[0.25, 0.5, 0.25], [0.5, 0.25, 0.25]]])
    of = play(actions=[[0, 1]], rewards=[[0.2, 0.4]], policies=pi)
    assert averages(of, weighted=True)[0, 1, 0] == pytest.approx(0.8)
    assert averages(of)[0, 1, 0] == pytest.approx(0.2)


def test_a_distribution_does_what_it_gives_the_largest_share() -> None:
    pi = np.array([[[1.0, 0, 0], [0.4, 0.4, 0.2], [0.1, 0.8, 0.1]]])
    of = play(actions=[[0, 2, 0]], rewards=[[0.2, 0.1, 0.4]], policies=pi)
    np.testing.assert_array_equal(doing(of, distribution=True)[0, 1], [True, True, False])
    assert counted([NOTHING, names(0), names(0)], of, distribution=True)["acted"] == 1
    assert counted([NOTHING, names(0), names(0)], of)["acted"] == 1  # the action itself: at the last step alone


def test_steps_without_an_action_show_nothing() -> None:
    of = play(actions=[[1, -1, -1]], rewards=[[0.4, 0.0, 0.0]])
    np.testing.assert_array_equal(np.isnan(averages(of)[0, 2]), [True, False, True])
    assert not doing(of, distribution=False)[0, 1:].any()


@st.composite
def episodes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, list[Said | None]]:
    """Actions, rewards and what was said, of one episode of up to 8 steps."""
    steps = draw(st.integers(1, 8))
    arm, number = st.integers(0, 2), st.integers(0, 4).map(lambda n: n / 4)
    stated = st.dictionaries(arm, number, max_size=3).map(lambda d: tuple(sorted(d.items())))
    said = st.one_of(st.none(), st.builds(Said, st.one_of(st.none(), arm), stated, st.booleans(), st.booleans()))
    lists = [draw(st.lists(each, min_size=steps, max_size=steps)) for each in (arm, number, said)]
    return np.array([lists[0]]), np.array([lists[1]]), lists[2]


@given(episodes())
def test_the_counts_are_those_of_a_patient_reader(episode: tuple) -> None:
    actions, rewards, said = episode
    expected, paid = dict.fromkeys((*COUNTS, "error"), 0), {0: [], 1: [], 2: []}
    for action, reward, each in zip(actions[0].tolist(), rewards[0].tolist(), said, strict=True):
        mean = {arm: sum(values) / len(values) for arm, values in paid.items() if values}
        if each:
            best = [arm for arm in mean if mean[arm] >= max(mean.values()) - 1e-9]
            named, right = each.best is not None, each.best in best
            expected["steps"] += 1
            expected["explores"] += each.explores
            expected["exploits"] += each.exploits
            expected["stated"] += named
            expected["right"] += right
            expected["acted"] += right and action == each.best
            expected["stated_all"] += named and len(mean) == 3
            expected["right_all"] += right and len(mean) == 3
            expected["numbers"] += sum(arm in mean for arm, _ in each.averages)
            expected["error"] += sum(abs(value - mean[arm]) for arm, value in each.averages if arm in mean)
        paid[action].append(reward)
    assert counted(said, play(actions, rewards)) == pytest.approx(expected)


@given(episodes(), st.permutations(range(3)))
def test_arms_are_alike(episode: tuple, order: list[int]) -> None:
    actions, rewards, said = episode
    other = [
        each
        and Said(
            None if each.best is None else order[each.best],
            tuple((order[arm], value) for arm, value in each.averages),
            each.explores,
            each.exploits,
        )
        for each in said
    ]
    moved = counted(other, play(np.array(order)[actions], rewards))
    assert moved == pytest.approx(counted(said, play(actions, rewards)))


def test_largest_knows_no_arm_where_nothing_was_shown() -> None:
    np.testing.assert_array_equal(largest(np.full(3, np.nan)), [False] * 3)
    np.testing.assert_array_equal(largest(np.array([0.3, np.nan, 0.3])), [True, False, True])
