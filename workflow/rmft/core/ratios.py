"""Shares and means of what not every episode has as often: ratios of sums, and their bootstrap over episodes."""

import numpy as np

from rmft.core.statistics import resampled

_ROUNDING = 1e-12


def ratios(
    groups: list[np.ndarray], *, rng: np.random.Generator, resamples: int = 2000
) -> tuple[np.ndarray, np.ndarray]:
    """C ratios, and the same of every bootstrap resample (resamples x C).

    groups: of each seed E x C x 2, numerator and denominator of every ratio in each episode. A ratio is that of their means;
    each group weighs the same. All ratios see the same resamples, so that their differences are paired. NaN where the
    denominator is 0.
    """
    flat = [np.asarray(values, float).reshape(len(values), -1) for values in groups]
    mean = np.mean([values.mean(axis=0) for values in flat], axis=0)
    return _divided(mean), _divided(resampled(flat, rng=rng, resamples=resamples))


def bounds(value: float, drawn: np.ndarray) -> tuple[float, float]:
    """The 95% percentile interval of what was drawn and is a number; NaN where the value is none."""
    if not np.isfinite(value):
        return np.nan, np.nan
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return min(low, value), max(high, value)


def p_of_rise(value: float, drawn: np.ndarray) -> float:
    """One-sided p that a difference is above 0: the share of its resamples that are not, the sample among them, so never 0
    ((1 + n) / (1 + resamples), Davison and Hinkley 1997, 4.4). NaN where the value is no number."""
    return (1 + int((~(drawn > _ROUNDING)).sum())) / (1 + len(drawn)) if np.isfinite(value) else np.nan


def _divided(pairs: np.ndarray) -> np.ndarray:
    """... x 2C as ... x C ratios."""
    over, under = pairs[..., 0::2], pairs[..., 1::2]
    return np.divide(over, under, out=np.full(over.shape, np.nan), where=under > 0)
