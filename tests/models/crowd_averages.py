"""Averages that players of a crowd were shown, reckoned from their moves alone."""

import numpy as np

from rmft.models.crowd import Moves


def of(arm: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The values (N x T x K) of one arm at each step (N x T)."""
    return np.take_along_axis(values, arm.astype(int)[:, :, None], axis=2)[:, :, 0]


def averages_of(seen: np.ndarray, paid: np.ndarray, keep: float | np.ndarray = 1.0) -> np.ndarray:
    """sum_s keep^(t-s) paid_s / sum_s keep^(t-s) over the steps s < t at which an arm was seen; -inf where it never was."""
    averages = np.full(seen.shape, -np.inf)
    for t in range(1, seen.shape[1]):
        weight = np.asarray(keep).reshape(-1, 1, 1) ** np.arange(t, 0, -1)[:, None] * seen[:, :t]
        total, weights = (weight * paid[:, :t]).sum(axis=1), weight.sum(axis=1)
        averages[:, t] = np.divide(total, weights, out=averages[:, t], where=weights > 0)
    return averages


def averages_before(moves: Moves, task: dict, keep: float | np.ndarray = 1.0) -> np.ndarray:
    """The average of each arm as the player was shown it before each step."""
    played = moves.action[:, :, None] == np.arange(3)
    paid = moves.rewards
    if task.get("shown") == "importance_weighted" and task.get("interaction") == "summary":
        paid = np.divide(paid, moves.shares, out=np.zeros_like(paid), where=played)
    return averages_of(np.ones_like(played) if task.get("environment") == "fol" else played, paid, keep)
