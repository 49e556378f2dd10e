"""What is reported beside regret: exploration, exploitation, variety.

SuffFailFreq, MinFrac, GreedyFrac, MedianReward: Krishnamurthy et al., arXiv 2403.15371.
"""

import math
from collections.abc import Sequence

import numpy as np


def pulls(actions: np.ndarray, arms: int) -> np.ndarray:
    """N_a, how often each of the K arms was played in each episode, E x K. Steps without an action are left out."""
    rows = np.arange(len(actions))[:, None] * (arms + 1)
    counts = np.bincount((rows + actions + 1).ravel(), minlength=len(actions) * (arms + 1))
    return counts.reshape(len(actions), arms + 1)[:, 1:]


def suff_fail(actions: np.ndarray, best_arm: np.ndarray, from_step: int) -> np.ndarray:
    """Whether each episode (bool, E) never plays its best arm after the first ``from_step`` of its T steps."""
    return ~(actions[:, from_step:] == best_arm[:, None]).any(axis=1)


def suff_fail_curve(actions: np.ndarray, best_arms: np.ndarray) -> np.ndarray:
    """The same for every t = 0..T-1 (bool, E x T): whether an episode never plays ``best_arms[:, t]`` after its first t
    steps. best_arms: E x T, the best arm of the steps that remain. Its mean over episodes is SuffFailFreq(t)."""
    return np.stack([suff_fail(actions, best_arms[:, t], t) for t in range(actions.shape[1])], axis=1)


def min_frac(actions: np.ndarray, arms: int, upto: int) -> np.ndarray:
    """K times the least share of any arm among the first ``upto`` steps, in [0, 1], length E."""
    return arms * pulls(actions[:, :upto], arms).min(axis=1) / upto


def coverage(actions: np.ndarray, arms: int) -> np.ndarray:
    """Share of the K arms tried in each episode, length E."""
    return (pulls(actions, arms) > 0).mean(axis=1)


def entropy(shares: np.ndarray) -> np.ndarray:
    """Entropy of distributions over the last axis (... x K), over ln K, in [0, 1]: 0 for one arm, 1 for all alike."""
    logs = np.log(shares, out=np.zeros(shares.shape), where=shares > 0)
    return np.maximum(-(shares * logs).sum(axis=-1), 0) / math.log(shares.shape[-1])


def action_entropy(pi: np.ndarray) -> np.ndarray:
    """Entropy of the shares in which each episode plays its arms, in [0, 1], length E, from pi_t (E x T x K; 1 for the arm
    played where only actions are known). Steps without an action are left out; an episode of these alone has 0."""
    played = pi.sum(axis=1)
    return entropy(played / np.maximum(played.sum(axis=1, keepdims=True), 1e-12))


def policy_entropy(pi: np.ndarray) -> np.ndarray:
    """Mean entropy of pi_t over the steps of each episode, in [0, 1], length E: how undecided every single step is."""
    return entropy(pi).mean(axis=1)


def diversity(pi: np.ndarray, scenario_ids: Sequence[str]) -> np.ndarray:
    """How far each trajectory is from the others of its scenario, in [0, 1], length E; NaN for one that is alone.

    The mean over the others and over steps of the total variation between their pi_t (E x T x K): where only actions are
    known, the share of steps at which two trajectories differ (Hamming). A step without an action differs from every
    arm. The mean over a scenario's trajectories is that over its pairs.
    """
    scenario = np.unique(np.asarray(scenario_ids), return_inverse=True)[1]
    groups = np.split(np.argsort(scenario, kind="stable"), np.cumsum(np.bincount(scenario))[:-1])
    found = np.full(len(pi), np.nan)
    for rows in groups:
        if len(rows) > 1:
            found[rows] = _apart(pi[rows])
    return found


def _apart(pi: np.ndarray) -> np.ndarray:
    """Mean distance of each of L trajectories (L x T x K) to the L - 1 others."""
    whole = np.concatenate([pi, 1 - pi.sum(axis=2, keepdims=True)], axis=2)
    variation = np.abs(whole[:, None] - whole[None]).sum(axis=3) / 2
    return variation.mean(axis=2).sum(axis=1) / (len(pi) - 1)


def greedy_frac(actions: np.ndarray, rewards: np.ndarray, arms: int) -> np.ndarray:
    """Share of steps (length E) that play an arm with the largest average reward so far, or one not yet tried.

    An untried arm thus ties with the largest; a step without an action (-1) is not greedy.
    """
    steps, rows = actions.shape[1], np.arange(len(actions))
    counts, sums = np.zeros((2, arms, len(actions)))
    greedy = np.zeros(len(actions))
    for action, reward in zip(np.ascontiguousarray(actions.T), np.ascontiguousarray(rewards.T), strict=True):
        average = np.divide(sums, counts, out=np.full_like(sums, -np.inf), where=counts > 0)
        largest = (average >= average.max(axis=0) - 1e-9) | (counts == 0)
        greedy += largest[action, rows] & (action >= 0)
        played = np.arange(arms)[:, None] == action
        counts += played
        sums += np.where(played, reward, 0)
    return greedy / steps


def median_reward(mean_reward: np.ndarray, gap: float) -> float:
    """Median over episodes of the mean reward (E), with [0.5 - gap/2, 0.5 + gap/2] rescaled to [0, 1]."""
    return float((np.median(mean_reward) - 0.5 + gap / 2) / gap)
