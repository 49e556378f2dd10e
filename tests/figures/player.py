"""A made-up player, and the rows that its episodes have in evaluation.parquet."""

import numpy as np
import pandas as pd

from rmft.core import metrics


def play(
    rng: np.random.Generator, episodes: int, explore: float, lock: float, task: dict, suite: str = "in-distribution"
) -> pd.DataFrame:
    """Episodes of a player who locks in on an arm with probability ``lock``, else explores at rate ``explore``."""
    arms, steps = task["arms"], task["horizon"]
    means = _means(rng, episodes, task)
    actions, rewards = _moves(rng, means, explore, lock, steps)
    curve = (means.max(1)[:, None] - np.take_along_axis(means, actions, 1)).cumsum(1)
    best = means.argmax(1)
    tried, played = metrics.coverage(actions, arms), np.eye(arms)[actions]
    columns = {
        "suite": suite,
        "episode": np.arange(episodes),
        "scenario_id": [f"heldout-{i}" for i in range(episodes)],
        "regret": curve[:, -1],
        "information_regret": np.nan if "drift" in task else curve[:, -1] * 0.7 + 0.9 * (1 - tried) * steps / 4,
        "reward": rewards.mean(1),
        "curve": list(curve),
        "suff_fail": metrics.suff_fail(actions, best, steps // 2),
        "suff_fail_curve": list(metrics.suff_fail_curve(actions, np.tile(best[:, None], steps))),
        "min_frac": metrics.min_frac(actions, arms, steps),
        "greedy_frac": metrics.greedy_frac(actions, rewards, arms),
        "coverage": tried,
        "entropy": metrics.action_entropy(played),
        "policy_entropy": metrics.policy_entropy(played) if task["environment"] == "fol" else np.nan,
        "lucky": (tried < 1) & (played.sum(axis=1).argmax(1) == best),
        "variation": 0.1 * steps if "drift" in task else 0.0,
        "parse_failures": rng.binomial(steps, 0.004, episodes),
        "renormalised": 0,
        "tokens_prompt": 40 * steps,
        "tokens_sampled": rng.integers(180, 320, episodes),
    }
    return pd.DataFrame(columns)


def _means(rng: np.random.Generator, episodes: int, task: dict) -> np.ndarray:
    """Of every arm in every episode."""
    if task["means"]["kind"] != "gap":
        return rng.uniform(0.1, 0.9, (episodes, task["arms"]))
    means = np.full((episodes, task["arms"]), 0.4)
    means[np.arange(episodes), rng.integers(task["arms"], size=episodes)] = 0.6
    return means


def _moves(
    rng: np.random.Generator, means: np.ndarray, explore: float, lock: float, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """Actions and rewards, each N x T."""
    (episodes, arms), rows = means.shape, np.arange(len(means))
    locked, own = rng.random(episodes) < lock, rng.integers(arms, size=episodes)
    counts, sums = np.zeros((2, episodes, arms))
    actions, rewards = np.zeros((episodes, steps), int), np.zeros((episodes, steps))
    for t in range(steps):
        average = np.where(counts > 0, sums / np.maximum(counts, 1), 1.0)
        arm = np.where(rng.random(episodes) < explore, rng.integers(arms, size=episodes), average.argmax(1))
        arm = np.where(locked, own, arm)
        reward = means[rows, arm] + 0.1 * rng.standard_normal(episodes)
        counts[rows, arm] += 1
        sums[rows, arm] += reward
        actions[:, t], rewards[:, t] = arm, reward
    return actions, rewards
