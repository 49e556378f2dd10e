import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rmft.core.claims import Found, contrast, decide, holm, joint_p, normal_p, quotient, share_p, weakest
from rmft.core.seeding import generator

FOUND = Found("a", 0.8, 0.7, 0.9, 0.001, "below", 0.95, 512, 2, "t")
PS = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def pairs(ratio: float, seeds: int = 2, episodes: int = 400) -> list[np.ndarray]:
    """Skewed regrets of a base policy, and ``ratio`` times as much with some noise, by seed."""
    base = [generator("base", i).exponential(3, episodes) for i in range(seeds)]
    return [np.stack([ratio * b + generator("n", i).normal(0, 0.5, episodes), b], 1) for i, b in enumerate(base)]


@pytest.mark.parametrize("statistic", ["ratio", "difference"])
def test_p_is_scipys_paired_t_over_scenarios(statistic: str) -> None:
    groups, threshold = pairs(0.95), 0.97 if statistic == "ratio" else -0.1
    after, before = np.mean(groups, axis=0).T
    gap = after - (threshold * before if statistic == "ratio" else before + threshold)
    for direction, alternative in (("below", "less"), ("above", "greater")):
        effect, low, high, p = contrast(groups, statistic, direction, threshold, rng=generator("c"))[0]
        assert p == pytest.approx(stats.ttest_1samp(gap, 0, alternative=alternative).pvalue, rel=1e-6)
        expected = after.mean() / before.mean() if statistic == "ratio" else (after - before).mean()
        assert effect == pytest.approx(expected) and low < effect < high


def test_many_comparisons_at_once_are_each_as_alone() -> None:
    one, other = pairs(0.8), pairs(1.1)
    both = [np.stack([a[:, 0], b[:, 0], a[:, 1], b[:, 1]], axis=1) for a, b in zip(one, other, strict=True)]
    found = contrast(both, "ratio", "below", 0.95, rng=generator("c"))
    alone = [contrast(groups, "ratio", "below", 0.95, rng=generator("c"))[0] for groups in (one, other)]
    np.testing.assert_allclose(found, alone)


def test_seeds_that_differ_widen_the_interval_and_not_the_p() -> None:
    groups = pairs(0.8)
    apart = [groups[0] * [0.6 / 0.8, 1], groups[1] * [1.0 / 0.8, 1]]
    near, far = (contrast(g, "ratio", "below", 0.95, rng=generator("c"))[0] for g in (groups, apart))
    assert far[2] - far[1] > 3 * (near[2] - near[1]) and far[3] < 1e-6
    with pytest.raises(ValueError, match="same episodes"):
        contrast([groups[0], groups[1][1:]], "ratio", "below", 1, rng=generator("c"))


def test_a_ratio_to_nothing_reproduces_nothing() -> None:
    assert quotient(np.array([1.0, 0.0]), np.array([0.0, 2.0])).tolist() == [math.inf, 0]
    groups = [np.stack([np.ones(9), np.zeros(9)], axis=1)]
    effect, _, high, p = contrast(groups, "ratio", "below", 0.95, rng=generator("c"))[0]
    assert effect == high == math.inf and p == 1


def test_holm_known_answer() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5]) == [0.5] and holm([]) == []


@given(PS)
def test_holm_rejects_what_stepping_down_rejects(ps: list[float]) -> None:
    order, rejected = sorted(range(len(ps)), key=ps.__getitem__), set()
    for rank, i in enumerate(order):
        if (len(ps) - rank) * ps[i] > 0.05:
            break
        rejected.add(i)
    corrected = holm(ps)
    assert {i for i, p in enumerate(corrected) if p <= 0.05} == rejected
    assert all(c >= p for c, p in zip(corrected, ps, strict=True)) and max(corrected) <= 1


def test_a_verdict_turns_with_each_number_that_it_rests_on() -> None:
    assert decide([FOUND], 0.04)[0] == "reproduced"
    assert decide([FOUND], 0.06)[0] == "not reproduced" and "corrected" in decide([FOUND], 0.06)[1]
    assert "does not clear" in decide([replace(FOUND, high=0.96)], 0.001)[1]
    assert "other side" in decide([replace(FOUND, effect=1.2, low=1.1, high=1.3)], 0.001)[1]
    assert decide([replace(FOUND, direction="above", threshold=0.6)], 0.001)[0] == "reproduced"
    assert decide([replace(FOUND, direction="above", threshold=0.75)], 0.001)[0] == "not reproduced"


def test_all_parts_must_hold_and_the_weakest_decides() -> None:
    weak = replace(FOUND, name="b", p=0.2)
    unclear = replace(FOUND, name="c", high=1.0, p=0.01)
    assert joint_p([FOUND, weak]) == 0.2 and weakest([FOUND, weak]) is weak
    assert weakest([FOUND, weak, unclear]) is unclear
    assert decide([FOUND, unclear], 0.01) == ("not reproduced", "c: the interval does not clear the threshold")


def test_p_of_an_interval_is_the_normal_one() -> None:
    assert normal_p(0.5, 0.5 - 1.96 * 0.1, 0.5 + 1.96 * 0.1, "below", 0.7) == pytest.approx(stats.norm.cdf(-2))
    assert normal_p(0.5, 0.304, 0.696, "above", 0.7) == pytest.approx(stats.norm.cdf(2))
    assert normal_p(0.5, 0.5, 0.5, "below", 0.7) == 0 and normal_p(0.5, 0.5, 0.5, "above", 0.7) == 1


def test_p_of_a_share_is_scipys() -> None:
    for kept in (80, 90, 96):
        assert share_p(kept, 96) == pytest.approx(stats.binomtest(kept, 96, 0.9, alternative="greater").pvalue)
