from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmft.core.selection import lucky, select
from rmft.core.trajectory import Play

POOLS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0]), st.booleans()), min_size=1, max_size=30
)


def pick(pool: list[tuple[int, float, bool]], k: int, order: list[int] | None = None) -> set[str]:
    """The ids chosen from a pool of (scenario, score, eligible), its rows put into ``order``."""
    ids = [f"t{i}" for i in range(len(pool))]
    order = list(range(len(pool))) if order is None else order
    scores, eligible = np.array([pool[i][1] for i in order]), np.array([pool[i][2] for i in order])
    chosen = select(scores, [f"s{pool[i][0]}" for i in order], [ids[i] for i in order], k, eligible)
    assert (np.diff(chosen) > 0).all()
    return {ids[order[i]] for i in chosen}


def test_known_answer() -> None:
    scores = np.array([3.0, 1.0, 2.0, 0.5, 9.0, 0.1])
    chosen = select(scores, list("aaabbb"), list("uvwxyz"), 2, np.array([True, True, True, True, True, False]))
    assert chosen.tolist() == [1, 2, 3, 4]


@given(POOLS, st.integers(1, 4))
def test_scores_are_those_of_a_naive_sort(pool: list, k: int) -> None:
    chosen = pick(pool, k)
    for scenario in {s for s, _, _ in pool}:
        mine = sorted(pool[int(t[1:])][1] for t in chosen if pool[int(t[1:])][0] == scenario)
        assert mine == sorted(score for s, score, good in pool if s == scenario and good)[:k]


@given(POOLS, st.integers(1, 4), st.randoms(use_true_random=False))
def test_order_in_the_file_does_not_matter(pool: list, k: int, random: Random) -> None:
    order = list(range(len(pool)))
    random.shuffle(order)
    assert pick(pool, k, order) == pick(pool, k)


def test_scores_apart_by_rounding_alone_are_tied() -> None:
    scenario, ids, all_ = ["s"] * 40, [f"t{i}" for i in range(40)], np.ones(40, bool)
    exact, rounded = np.full(40, 0.3), np.where(np.arange(40) % 2, 0.3, 0.1 + 0.2)
    assert (select(exact, scenario, ids, 5, all_) == select(rounded, scenario, ids, 5, all_)).all()


def test_equal_scores_choose_at_random() -> None:
    ids = [f"heldout-0-0-{s}-{e}" for s in range(4000) for e in range(4)]
    chosen = select(np.zeros(len(ids)), [i.rsplit("-", 1)[0] for i in ids], ids, 1, np.ones(len(ids), bool))
    share = np.bincount(chosen % 4) / 4000
    assert np.abs(share - 0.25).max() < 4 * np.sqrt(0.25 * 0.75 / 4000)


def test_a_score_that_is_not_a_number_is_refused_only_if_eligible() -> None:
    scores = np.array([np.nan, 1.0])
    assert select(scores, ["s", "s"], ["a", "b"], 1, np.array([False, True])).tolist() == [1]
    with pytest.raises(ValueError, match="NaN"):
        select(scores, ["s", "s"], ["a", "b"], 1, np.array([True, True]))


def test_nothing_eligible_gives_nothing() -> None:
    assert select(np.zeros(2), ["s", "s"], ["a", "b"], 1, np.zeros(2, bool)).tolist() == []


def acted(*actions: int, means: list[list[float]] | None = None) -> Play:
    """One episode; of three arms the first is the best unless said otherwise."""
    values = np.array([[[0.9, 0.5, 0.1]] if means is None else means])
    return Play(np.array([actions]), np.zeros((1, len(actions))), values, np.zeros((1, len(actions), 3)))


LUCK = {
    "never looked elsewhere": ((0, 0, 0, 0), True),
    "never tried arm 2": ((0, 0, 0, 1), True),
    "tried all": ((0, 1, 2, 0), False),
    "played another most": ((1, 1, 1, 0), False),
    "a tie is no commitment": ((0, 0, 1, 1), False),
    "a step without an action is no try": ((0, 0, -1, 1), True),
    "did nothing": ((-1, -1, -1, -1), False),
}


@pytest.mark.parametrize("name", LUCK)
def test_lucky(name: str) -> None:
    actions, answer = LUCK[name]
    assert lucky("mab", acted(*actions)).tolist() == [answer]
    moving = acted(*actions, means=[[0.1, 0.5, 0.9]] + [[0.9, 0.5, 0.1]] * 3)
    assert lucky("ns-mab", moving).tolist() == [answer]  # the best arm is that of the second half
    assert lucky("fol", acted(*actions)).tolist() == [False]  # all arms are seen: none is missed


def test_luck_follows_the_best_arm_of_the_second_half() -> None:
    """Arm 0 pays most in all and in the first half, arm 1 in the second."""
    means = [[0.9, 0.0, 0.1]] * 2 + [[0.2, 0.3, 0.1]] * 2
    assert lucky("ns-mab", acted(0, 0, 0, 0, means=means)).tolist() == [False]
    assert lucky("ns-mab", acted(0, 1, 1, 1, means=means)).tolist() == [True]
