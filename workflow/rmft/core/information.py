"""Information regret: the regret averaged over what a trajectory could not know.

    I = E[ T max_a mu_a | H_T ] - sum_a N_a E[ mu_a | H_T ]

under the posterior of the arm means mu given the history H_T, from the task's own prior. It has the expectation of the
Bayes regret and a lower variance, and it gives no credit for luck. It needs no oracle about the realised means.
"""

import numpy as np

from rmft.core.metrics import pulls
from rmft.core.priors import Gap, Uniform
from rmft.core.rewards import Process
from rmft.core.tasks import Task

Moments = tuple[np.ndarray, np.ndarray, np.ndarray]  # E[ max_a mu_a ], E[ mu_a ], E[ min_a mu_a ]
_CELLS = 200_000  # numbers in memory at a time: E x K x grid


def information_regret(task: Task, actions: np.ndarray, rewards_seen: np.ndarray) -> np.ndarray:
    """Information regret of each episode, length E, from actions and the rewards they drew (both E x T).

    A step without an action (-1) shows nothing and counts as the worst arm, E[ min_a mu_a | H_T ].
    """
    counts, sums = sufficient_statistics(actions, rewards_seen, task.arms)
    best, mean, worst = posterior(task, counts, sums)
    horizon = actions.shape[1]
    return horizon * best - (counts * mean).sum(axis=1) - (horizon - counts.sum(axis=1)) * worst


def sufficient_statistics(actions: np.ndarray, rewards: np.ndarray, arms: int) -> tuple[np.ndarray, np.ndarray]:
    """N_a, the pulls of each arm, and the sums of their rewards: both E x K. Steps without an action are left out."""
    cell = (np.arange(len(actions))[:, None] * (arms + 1) + actions + 1).ravel()
    total = np.bincount(cell, weights=rewards.ravel(), minlength=len(actions) * (arms + 1))
    return pulls(actions, arms), total.reshape(len(actions), arms + 1)[:, 1:]


def posterior(task: Task, counts: np.ndarray, sums: np.ndarray) -> Moments:
    """E[ max mu ] (E), E[ mu_a ] (E x K) and E[ min mu ] (E) given pulls and reward sums (E x K)."""
    match task.means:
        case Uniform():
            return _independent_arms(task.means, task.rewards, counts, sums, task.horizon)
        case Gap():
            return _one_best_arm(task.means, task.rewards, counts, sums)
    raise ValueError(f"means: no posterior is known for {type(task.means).__name__}")


def _one_best_arm(prior: Gap, process: Process, counts: np.ndarray, sums: np.ndarray) -> Moments:
    """Exact, over the K hypotheses "arm a is the best"; the best and the worst mean are known beforehand."""
    low, high = prior.bounds
    log_odds = process.log_likelihood(counts, sums, high) - process.log_likelihood(counts, sums, low)
    chance = _normalised(log_odds)
    return np.full(len(counts), high), low + prior.gap * chance, np.full(len(counts), low)


def _independent_arms(prior: Uniform, process: Process, counts: np.ndarray, sums: np.ndarray, horizon: int) -> Moments:
    """On a grid of means, a quarter of the narrowest posterior's spread apart; the max from the product of CDFs."""
    points = int(np.clip(4 * (prior.high - prior.low) / process.spread(horizon), 128, 4096))
    mu = prior.low + (prior.high - prior.low) * (np.arange(points) + 0.5) / points
    chunks = max(1, counts.size * points // _CELLS)
    parts = [
        _on_grid(mu, process.log_likelihood(n[:, :, None], s[:, :, None], mu))
        for n, s in zip(np.array_split(counts, chunks), np.array_split(sums, chunks), strict=True)
    ]
    best, mean, worst = zip(*parts, strict=True)
    return np.concatenate(best), np.concatenate(mean), np.concatenate(worst)


def _on_grid(mu: np.ndarray, log_likelihood: np.ndarray) -> Moments:
    """E[ max mu ], E[ mu_a ], E[ min mu ] of independent arms from their log-likelihoods (E x K x grid) on ``mu``."""
    mass = _normalised(log_likelihood)
    cdf = np.cumsum(mass, axis=2)
    below, above = cdf.prod(axis=1), (1 - np.minimum(cdf, 1)).prod(axis=1)
    step = mu[1] - mu[0]
    return mu[-1] - step * below[:, :-1].sum(axis=1), (mass * mu).sum(axis=2), mu[0] + step * above[:, :-1].sum(axis=1)


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    """exp(log_weights), made to sum to 1 along the last axis."""
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
