"""How regret grows with the steps: the exponent beta of Regret(t) ~ t^beta, and tests of it (arXiv 2403.16843)."""

import math

import numpy as np

from rmft.core.statistics import incomplete_beta

LOG_FLOOR = -10.0


def weights(steps: int) -> np.ndarray:
    """w_t with beta = sum_t w_t log Regret(t): those of the least-squares slope on log t. Raises ValueError for T < 3."""
    if steps < 3:
        raise ValueError(f"curve: needs 3 steps or more, not {steps}")
    x = np.log(np.arange(1, steps + 1))
    x -= x.mean()
    return x / (x @ x)


def logs(curves: np.ndarray) -> np.ndarray:
    """log Regret(t), of any shape; Regret(t) <= 0 enters as -10."""
    curves = np.asarray(curves, float)
    return np.log(curves, out=np.full(curves.shape, LOG_FLOOR), where=curves > 0)


def exponents(curves: np.ndarray) -> np.ndarray:
    """beta of every curve, (...) of (...) x T: slope of log Regret(t) on log t over t = 1..T."""
    return logs(curves) @ weights(np.shape(curves)[-1])


def growth_exponent(curve: np.ndarray) -> tuple[float, float]:
    """(beta, p_reg): slope of log Regret(t) on log t over t = 1..T, and its two-sided p-value.

    beta < 1 with a small p_reg means sublinear growth. Regret(t) <= 0 enters as log = -10. Raises ValueError for T < 3.
    """
    w, y, freedom = weights(len(curve)), logs(curve), len(curve) - 2
    y -= y[0]  # exactly 0 for a curve that does not grow
    y -= y.mean()
    beta = float(w @ y)
    explained = beta**2 / float(w @ w)
    residual = max(float(y @ y) - explained, 0.0)
    if explained == 0:
        return beta, 1.0
    return beta, incomplete_beta(freedom / 2, 0.5, residual / (residual + explained))


def influences(curves: np.ndarray) -> np.ndarray:
    """What each of E episodes adds to beta of their mean curve (E x ... of E x ... x T, sum 0), by the delta method.

    beta of a resample is that of the mean plus, to first order, the mean influence of its episodes. Steps at which the
    mean is not above 0 stand at the floor, which no single episode moves.
    """
    mean = curves.mean(axis=0)
    shares = np.divide(curves, mean, out=np.ones_like(curves), where=mean > 0)
    return (shares - 1) @ weights(curves.shape[-1])


def trend_p_value(curve: np.ndarray) -> float:
    """p_trend: one-sided sign test that Regret(t)/t falls; s falls out of T - 1, P[Binomial(T - 1, 1/2) >= s]."""
    rate = np.asarray(curve) / np.arange(1, len(curve) + 1)
    pairs, falls = len(rate) - 1, int((rate[:-1] > rate[1:]).sum())
    return sum(math.comb(pairs, j) for j in range(falls, pairs + 1)) / 2**pairs
