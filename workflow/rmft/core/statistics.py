"""Means with bootstrap intervals. Every draw comes from the generator that is passed in."""

import numpy as np

Interval = tuple[float, float, float]
_CELLS = 200_000  # resampled numbers in memory at a time


def mean_interval(
    values: np.ndarray, *, rng: np.random.Generator, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """(mean, low, high): the mean of the values and its percentile bootstrap interval."""
    values = np.asarray(values, np.float64)
    means = _resampled_means(values, resamples, rng)
    return _percentiles(float(values.mean()), means, level)


def hierarchical_interval(
    groups: list[np.ndarray], *, rng: np.random.Generator, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """(mean, low, high) over groups (seeds: outer) of values (episodes: inner); each group weighs the same.

    A resample draws as many groups with replacement, then from each of them as many values with replacement.
    """
    arrays = [np.asarray(group, np.float64) for group in groups]
    inner = np.stack([[_resampled_means(a, resamples, rng) for _ in arrays] for a in arrays])  # group x place x B
    drawn = rng.integers(len(arrays), size=(len(arrays), resamples))
    places = np.arange(len(arrays))[:, None]
    means = inner[drawn, places, np.arange(resamples)].mean(axis=0)
    return _percentiles(float(np.mean([a.mean() for a in arrays])), means, level)


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, rng: np.random.Generator, level: float = 0.95, resamples: int = 2000
) -> Interval:
    """(mean, low, high) of a - b over pairs: the same episodes met by two policies. Raises ValueError if not paired."""
    if np.shape(a) != np.shape(b):
        raise ValueError(f"pairs: {np.shape(a)} values against {np.shape(b)}")
    difference = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return mean_interval(difference, rng=rng, level=level, resamples=resamples)


def _resampled_means(values: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """The mean of each of ``resamples`` draws with replacement. Raises ValueError where there is no value."""
    if values.ndim != 1 or not len(values):
        raise ValueError(f"values: must be a list of one or more numbers, not of shape {values.shape}")
    rows = max(1, _CELLS // len(values))
    sizes = [min(rows, resamples - done) for done in range(0, resamples, rows)]
    return np.concatenate([values[rng.integers(len(values), size=(n, len(values)))].mean(axis=1) for n in sizes])


def _percentiles(estimate: float, resampled: np.ndarray, level: float) -> Interval:
    """The estimate and the middle ``level`` of its resamples, widened where rounding leaves the estimate outside."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return estimate, min(float(low), estimate), max(float(high), estimate)
