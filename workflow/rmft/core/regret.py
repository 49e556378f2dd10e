"""Regret, which the method minimises (paper.md 2): what the best arm would have paid, less what was had.

It is the pseudo-regret: the sum over steps of max_a r_t(a) - r_t(a_t), with r the mean rewards. When r changes with t
this is the dynamic regret.
"""

import numpy as np


def regret_curve(actions: np.ndarray, mean_rewards: np.ndarray) -> np.ndarray:
    """Cumulative regret after each step, E x T, from actions (E x T) and mean rewards (E x 1 x K or E x T x K).

    A step without an action (-1) counts as the worst arm. Raises ValueError for an arm that does not exist.
    """
    arms = mean_rewards.shape[2]
    if actions.size and not -1 <= actions.min() <= actions.max() < arms:
        raise ValueError(f"actions: must lie in -1..{arms - 1}, not {actions.min()}..{actions.max()}")
    best, worst = mean_rewards.max(axis=2), mean_rewards.min(axis=2)
    r = np.broadcast_to(mean_rewards, (*actions.shape, arms))
    had = np.take_along_axis(r, np.maximum(actions, 0)[:, :, None], axis=2)[:, :, 0]
    return np.cumsum(best - np.where(actions < 0, worst, had), axis=1)


def regret(actions: np.ndarray, mean_rewards: np.ndarray) -> np.ndarray:
    """Regret of each episode, length E: the last point of its curve."""
    return regret_curve(actions, mean_rewards)[:, -1]
