import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.ratios import bounds, p_of_rise, ratios
from rmft.core.seeding import generator

COUNTS = arrays(np.float64, st.tuples(st.integers(1, 20), st.just(2), st.just(2)), elements=st.floats(0, 10))


def drawn(rate: float, episodes: int, stream: str) -> np.ndarray:
    """Episodes x 1 x 2: right of 10 steps, each right with probability ``rate``."""
    right = generator(stream).binomial(10, rate, episodes)
    return np.stack([right, np.full(episodes, 10)], axis=1)[:, None, :]


@given(st.lists(COUNTS, min_size=1, max_size=3))
def test_a_ratio_is_that_of_the_mean_of_means(groups: list[np.ndarray]) -> None:
    value, every = ratios(groups, rng=generator("r"), resamples=50)
    mean = np.mean([values.mean(axis=0) for values in groups], axis=0)
    for column, (over, under) in enumerate(mean):
        assert value[column] == pytest.approx(over / under, nan_ok=True) if under else np.isnan(value[column])
        low, high = bounds(value[column], every[:, column])
        assert np.isnan(low) or low <= value[column] <= high
    assert every.shape == (50, 2)


def test_the_interval_is_the_textbook_one_and_covers() -> None:
    hits, widths = 0, []
    for n in range(100):
        value, every = ratios([drawn(0.3, 200, f"d{n}")], rng=generator("r", n), resamples=400)
        low, high = bounds(value[0], every[:, 0])
        hits, widths = hits + (low <= 0.3 <= high), [*widths, high - low]
    assert 88 <= hits <= 99
    assert np.mean(widths) == pytest.approx(2 * 1.96 * np.sqrt(0.3 * 0.7 / 2000), rel=0.1)


def test_p_of_a_rise() -> None:
    """Uniform where nothing rose: about one in twenty below 0.05; small where it did; never 0; 1 where nothing changed."""
    small = 0
    for n in range(200):
        pair = np.concatenate([drawn(0.5, 100, f"a{n}"), drawn(0.5, 100, f"b{n}")], axis=1)
        value, every = ratios([pair], rng=generator("p", n), resamples=300)
        small += p_of_rise(value[0] - value[1], every[:, 0] - every[:, 1]) <= 0.05
    assert 3 <= small <= 20
    pair = np.concatenate([drawn(0.9, 100, "a"), drawn(0.5, 100, "b")], axis=1)
    value, every = ratios([pair], rng=generator("p"), resamples=300)
    assert p_of_rise(value[0] - value[1], every[:, 0] - every[:, 1]) == pytest.approx(1 / 301)
    assert p_of_rise(0.0, np.full(300, 1e-16)) == 1  # no more than rounding
    assert np.isnan(p_of_rise(np.nan, np.full(300, np.nan)))


def test_pairs_are_resampled_together() -> None:
    """A ratio less itself is 0 in every resample."""
    one = drawn(0.4, 50, "a")
    value, every = ratios([np.concatenate([one, one], axis=1)], rng=generator("p"), resamples=100)
    assert value[0] == value[1] and (every[:, 0] == every[:, 1]).all()


def test_each_seed_weighs_the_same() -> None:
    few, many = np.array([[[1.0, 1.0]]]), np.tile([[[0.0, 1.0]]], (99, 1, 1))
    assert ratios([few, many], rng=generator("p"), resamples=10)[0] == pytest.approx([0.5])


def test_nothing_to_divide_by_is_no_number() -> None:
    value, every = ratios([np.zeros((5, 1, 2))], rng=generator("p"), resamples=10)
    assert np.isnan(value).all() and np.isnan(every).all()
    assert np.isnan(bounds(value[0], every[:, 0])).all()
