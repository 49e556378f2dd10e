"""Which trajectories train the next policy: the k lowest scores of every scenario."""

from collections.abc import Sequence

import numpy as np

from rmft.core.metrics import pulls
from rmft.core.regret import best_arm
from rmft.core.seeding import derive
from rmft.core.trajectory import Play

_DECIMALS = 9  # scores that agree to so many decimals are tied: sums in another order differ in the last bit


def select(
    scores: np.ndarray, scenario_ids: Sequence[str], trajectory_ids: Sequence[str], k: int, eligible: np.ndarray
) -> np.ndarray:
    """Sorted indices of the k lowest scores (E) of each scenario among the eligible (bool, E).

    Ties go by a hash of the trajectory's id, never by its place in the file; equal scores throughout therefore mean a
    random choice. A scenario with fewer than k eligible gives what it has. Raises ValueError for a score that is NaN.
    """
    if np.isnan(scores[eligible]).any():
        raise ValueError("scores: an eligible trajectory has no score (NaN)")
    chosen = np.flatnonzero(eligible)
    scenario = np.unique(np.asarray(scenario_ids), return_inverse=True)[1][chosen]
    ties = np.array([derive("tie", trajectory_ids[i]) for i in chosen], np.int64)
    order = np.lexsort((ties, np.round(scores[chosen], _DECIMALS), scenario))
    starts = np.searchsorted(scenario[order], scenario[order])
    return np.sort(chosen[order[np.arange(len(order)) - starts < k]])


def lucky(environment: str, play: Play) -> np.ndarray:
    """Whether each episode was good without being able to know it (bool, E).

    It is lucky when some arm was never tried and yet the best arm was played more than any other. Where all rewards are
    shown (fol) nothing is left untried.
    """
    if environment == "fol":
        return np.zeros(len(play.actions), bool)
    arms = play.means.shape[2]
    counts, best = pulls(play.actions, arms), best_arm(play.means, play.actions.shape[1] // 2)
    is_best = np.arange(arms) == best[:, None]
    rest = np.where(is_best, -1, counts).max(axis=1)
    return (counts == 0).any(axis=1) & (counts[is_best] > rest)
