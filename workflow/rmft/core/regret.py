"""Regret, which the method minimises: what could have been had, less what was had.

    FOL      max_pi sum_t <pi, R_t>  -  sum_t <pi_t, R_t>       R_t the rewards of all arms, shown after each step
    MAB      T max_a r(a)            -  sum_t r(a_t)            r the mean rewards: the pseudo-regret
    NS-MAB   sum_t max_a r_t(a)      -  sum_t r_t(a_t)          the same with r that changes: the dynamic regret

FOL is measured in what was realised, the bandits in what was to be expected. What was played stands in
rmft.core.trajectory, so that a change of this page rolls nothing out again.
"""

import numpy as np

from rmft.core.tasks import Task
from rmft.core.trajectory import Play


def regret_curve(environment: str, play: Play) -> np.ndarray:
    """Cumulative regret after each step, E x T, as the environment (fol, mab, ns-mab) defines it.

    A step without an action (-1) counts as the worst arm. Raises ValueError for an arm that does not exist, and in FOL
    without the reward vectors.
    """
    if environment == "fol":
        return external_regret_curve(play)
    return pseudo_regret_curve(play.actions, play.means)


def regret_name(task: Task) -> str:
    """What kind of regret a task's is, for axes: realised in FOL, expected elsewhere."""
    kinds = {"fol": "external regret, realised", "mab": "pseudo-regret", "ns-mab": "dynamic regret"}
    return kinds[task.environment] + (" of the locations" if task.rewards.centre == "location" else "")


def regret(environment: str, play: Play) -> np.ndarray:
    """Regret of each episode, length E: the last point of its curve."""
    return regret_curve(environment, play)[:, -1]


def external_regret_curve(play: Play) -> np.ndarray:
    """max_a sum_{s<=t} R_s(a) - sum_{s<=t} <pi_s, R_s>, E x T: against the best arm of hindsight, which t may change."""
    if play.vectors is None:
        raise ValueError("vectors: the regret of full information needs the rewards of all arms")
    _check(play.actions, play.vectors.shape[2])
    had = np.where(play.actions < 0, play.vectors.min(axis=2), (play.pi * play.vectors).sum(axis=2))
    return np.cumsum(play.vectors, axis=1).max(axis=2) - np.cumsum(had, axis=1)


def pseudo_regret_curve(actions: np.ndarray, mean_rewards: np.ndarray) -> np.ndarray:
    """sum_{s<=t} max_a r_s(a) - r_s(a_s), E x T, from actions (E x T) and mean rewards (E x 1 x K or E x T x K)."""
    arms = mean_rewards.shape[2]
    _check(actions, arms)
    best, worst = mean_rewards.max(axis=2), mean_rewards.min(axis=2)
    r = np.broadcast_to(mean_rewards, (*actions.shape, arms))
    had = np.take_along_axis(r, np.maximum(actions, 0)[:, :, None], axis=2)[:, :, 0]
    return np.cumsum(best - np.where(actions < 0, worst, had), axis=1)


def best_arm(means: np.ndarray, from_step: int) -> np.ndarray:
    """The arm (E) with the largest sum of mean rewards (E x 1 x K or E x T x K) over the steps after ``from_step``."""
    return means[:, min(from_step, means.shape[1] - 1) :].sum(axis=1).argmax(axis=1)


def variation(mean_rewards: np.ndarray) -> np.ndarray:
    """V_T = sum_{t>=2} max_a |r_t(a) - r_{t-1}(a)| of each episode, length E, from E x T x K (0 for E x 1 x K)."""
    return np.abs(np.diff(mean_rewards, axis=1)).max(axis=2).sum(axis=1)


def _check(actions: np.ndarray, arms: int) -> None:
    if actions.size and not -1 <= actions.min() <= actions.max() < arms:
        raise ValueError(f"actions: must lie in -1..{arms - 1}, not {actions.min()}..{actions.max()}")
