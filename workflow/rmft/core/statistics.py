"""Means with bootstrap intervals, paired tests, shares with intervals. Every draw comes from the generator passed in."""

import math

import numpy as np


def resampled(groups: list[np.ndarray], *, rng: np.random.Generator, resamples: int = 2000) -> np.ndarray:
    """Means of the columns in every resample, resamples x C, of one E x C array per group (a seed).

    A resample draws as many groups with replacement, then from each of them as many rows; each group weighs the same.
    With one group this is the plain bootstrap. Raises ValueError where a group has no row.
    """
    if not groups or any(values.ndim != 2 or not len(values) for values in groups):
        raise ValueError(f"groups: each needs one row or more, not shapes {[values.shape for values in groups]}")
    totals = np.zeros((resamples, groups[0].shape[1]))
    for _ in groups:
        drawn = rng.integers(len(groups), size=resamples)
        for i, values in enumerate(groups):
            here, size = np.flatnonzero(drawn == i), len(values)
            picks = rng.integers(size, size=(len(here), size)) + size * np.arange(len(here))[:, None]
            weights = np.bincount(picks.ravel(), minlength=size * len(here)).reshape(len(here), size)
            totals[here] += (weights / size) @ values
    return totals / len(groups)


def intervals(groups: list[np.ndarray], *, rng: np.random.Generator, resamples: int = 2000) -> np.ndarray:
    """C x (mean, low, high) of one E x C array per group (a seed): 95% percentile bootstrap of all columns at once.

    See ``resampled``; differences of paired columns give the paired bootstrap. Raises ValueError where a group has no row.
    """
    means = resampled(groups, rng=rng, resamples=resamples)
    low, high = np.quantile(means, [0.025, 0.975], axis=0)
    mean = np.mean([values.mean(axis=0) for values in groups], axis=0)
    return np.stack([mean, np.minimum(low, mean), np.maximum(high, mean)], axis=1)


def sign_flips(
    differences: np.ndarray, *, rng: np.random.Generator, resamples: int = 9_999, exact_up_to: int = 12
) -> np.ndarray:
    """Two-sided p-value of each column of paired differences (E x C), length C: how often their mean is as far from 0
    when a fair coin settles the sign of every row.

    Up to ``exact_up_to`` rows all 2^E signs are counted, else ``resamples`` draws and the signs as they are (Phipson and
    Smyth, 2010): p is never 0. The columns share their coins. Raises ValueError without a row or for a number that is
    not finite.
    """
    if differences.ndim != 2 or not len(differences) or not np.isfinite(differences).all():
        raise ValueError(f"differences: need one row or more of finite numbers, not {differences.shape}")
    rows, least = len(differences), np.abs(differences.sum(axis=0)) - 1e-9 * np.abs(differences).sum(axis=0)
    if rows <= exact_up_to:
        signs = 1.0 - 2 * (np.arange(2**rows)[:, None] >> np.arange(rows) & 1)
        return (np.abs(signs @ differences) >= least).mean(axis=0)
    count, left = np.ones(differences.shape[1]), resamples
    while left:
        draws = min(left, 1_000)
        signs = 1.0 - 2 * rng.integers(2, size=(draws, rows), dtype=np.int8)
        count += (np.abs(signs @ differences) >= least).sum(axis=0)
        left -= draws
    return count / (1 + resamples)


def wilson(share: float | np.ndarray, n: int | np.ndarray) -> tuple[float | np.ndarray, float | np.ndarray]:
    """Wilson's 95% interval of a share of n (Wilson, 1927)."""
    z2 = 1.96**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return centre - half, centre + half


def student_below(values: np.ndarray, bound: float) -> np.ndarray:
    """One-sided p of each column of E x C: how likely its mean is as low or lower if the true one is ``bound``.

    Student's t test; on differences of pairs it is the paired one. Where all rows are the same number, 0 below the bound
    and else 1. Raises ValueError for E < 2.
    """
    if len(values) < 2:
        raise ValueError(f"values: needs 2 rows or more, not {len(values)}")
    gap, error = values.mean(axis=0) - bound, values.std(axis=0, ddof=1) / math.sqrt(len(values))
    certain = np.where(gap < 0, -np.inf, np.inf)
    t = np.divide(gap, error, out=certain, where=error > 1e-12 * (1 + np.abs(gap)))
    return np.array([student_tail(float(x), len(values) - 1) for x in t])


def student_tail(t: float, freedom: float) -> float:
    """P(T <= t) of Student's distribution."""
    if math.isinf(t):
        return float(t > 0)
    tail = incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t)) / 2
    return tail if t < 0 else 1 - tail


def incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b), by its continued fraction (Lentz; DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x) - math.log(a)
    )
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value, m = d, 1
    while True:
        for numerator in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / (1 + numerator * d)
            c = 1 + numerator / c
            value *= c * d
        if abs(c * d - 1) < 1e-15 or m > 10_000:
            return front * value
        m += 1
