import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.seeding import generator
from rmft.core.statistics import hierarchical_interval, mean_interval, paired_difference

VALUES = arrays(np.float64, st.integers(1, 30), elements=st.floats(-1e3, 1e3))


@given(VALUES)
def test_interval_contains_the_mean_and_lies_within_the_values(values: np.ndarray) -> None:
    mean, low, high = mean_interval(values, rng=generator("b"), resamples=200)
    assert mean == pytest.approx(values.mean())
    assert values.min() - 1e-6 <= low <= mean <= high <= values.max() + 1e-6


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_hierarchical_interval_contains_the_mean_of_means(groups: list[np.ndarray]) -> None:
    mean, low, high = hierarchical_interval(groups, rng=generator("b"), resamples=200)
    assert mean == pytest.approx(np.mean([g.mean() for g in groups]))
    assert low <= mean <= high


def test_interval_of_a_mean_is_the_textbook_width() -> None:
    values = generator("v").normal(5, 2, 2_000)
    _, low, high = mean_interval(values, rng=generator("b"))
    assert (high - low) / 2 == pytest.approx(1.96 * 2 / np.sqrt(2_000), rel=0.1)


def test_intervals_cover() -> None:
    draws = generator("v").normal(0, 1, (300, 40))
    covered = [
        low <= 0 <= high for _, low, high in (mean_interval(d, rng=generator("b"), resamples=400) for d in draws)
    ]
    assert 0.88 <= np.mean(covered) <= 0.98


def test_a_higher_level_is_wider() -> None:
    values = np.arange(50.0)
    (_, low, high), (_, lower, higher) = (mean_interval(values, rng=generator("b"), level=q) for q in (0.5, 0.99))
    assert lower < low < high < higher


def test_the_generator_decides() -> None:
    values = np.arange(50.0)
    assert mean_interval(values, rng=generator("b")) == mean_interval(values, rng=generator("b"))
    assert mean_interval(values, rng=generator("b")) != mean_interval(values, rng=generator("c"))


def test_seeds_count_as_seeds_not_as_their_episodes() -> None:
    """Groups far apart: the interval spans the groups; pooled, it would shrink with the number of episodes."""
    groups = [generator("g", i).normal(centre, 0.1, 500) for i, centre in enumerate((0.0, 1.0, 2.0))]
    _, low, high = hierarchical_interval(groups, rng=generator("b"))
    assert high - low > 1.0
    _, low, high = mean_interval(np.concatenate(groups), rng=generator("b"))
    assert high - low < 0.2


def test_one_group_is_the_plain_bootstrap() -> None:
    values = generator("v").normal(0, 1, 400)
    one, plain = hierarchical_interval([values], rng=generator("b")), mean_interval(values, rng=generator("b"))
    assert one == pytest.approx(plain, abs=0.01)


def test_pairs_cancel_what_they_share() -> None:
    shared = generator("v").normal(0, 10, 500)
    mean, low, high = paired_difference(shared + 1, shared, rng=generator("b"))
    assert (mean, low, high) == pytest.approx((1, 1, 1))
    with pytest.raises(ValueError, match="pairs"):
        paired_difference(shared, shared[:-1], rng=generator("b"))


@pytest.mark.parametrize("values", [np.array([]), np.ones((2, 2))])
def test_nothing_to_average_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="values"):
        mean_interval(values, rng=generator("b"))
