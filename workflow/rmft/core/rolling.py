"""Rolling regret: a score without an oracle and without a prior, from what a trajectory itself was shown."""

import numpy as np

from rmft.core.trajectory import Play


def rolling_regret(play: Play, window: int) -> np.ndarray:
    """sum_t ( max_a m_t(a) - R_t(a_t) ), length E: m_t(a) is the average of what arm a was seen to pay in the last
    ``window`` steps up to t, over the arms seen in them.

    It credits luck: an arm that was never tried is not missed. Ours; the paper's reviewers ask for a variant without the
    oracle.
    """
    actions, rewards, vectors, arms = play.actions, play.rewards, play.vectors, play.means.shape[2]
    played = np.arange(arms) == actions[:, :, None]
    shown = played if vectors is None else np.ones_like(played)
    values = rewards[:, :, None] if vectors is None else vectors
    counts, totals = _in_window(shown.astype(float), window), _in_window(np.where(shown, values, 0.0), window)
    average = np.divide(totals, counts, out=np.full(counts.shape, -np.inf), where=counts > 0.5)
    best = average.max(axis=2)
    return np.where(np.isfinite(best), best - rewards, 0.0).sum(axis=1)


def _in_window(values: np.ndarray, window: int) -> np.ndarray:
    """Sums of the last ``window`` steps up to each, along axis 1 of E x T x K."""
    total = np.cumsum(values, axis=1)
    total[:, window:] -= total[:, :-window].copy()
    return total
