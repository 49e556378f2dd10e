"""Information regret: the regret averaged over what a trajectory could not know.

    I = sum_t  E[ max_a r_t(a) | H_T ] - E[ <pi_t, r_t> | H_T ]

under the posterior of the mean rewards r_t given the whole history H_T, from the task's own prior; pi_t is all on a_t
where the policy itself is not known (and always in the bandits, whose regret is by a_t). With means that stand still, mu,

    I = E[ T max_a mu_a | H_T ] - sum_a N_a E[ mu_a | H_T ],   N_a the steps (FOL: the shares of them) on arm a.

By the tower rule its expectation is that of the Bayes regret, E[ sum_t max_a r_t(a) - r_t(a_t) ]: H_T settles the a_t, so
that taking the posterior mean of each term changes no expectation. Its variance is lower, for the same reason, and it
gives no credit for luck. It needs no oracle about the realised means. In FOL it is the pseudo-regret that is so
averaged, not the realised one: the luck of the drawn rewards is just what it leaves out.

Needed: E[ max ]. Given H_T the arms are independent where their prior is, however the actions were chosen, since an
action depends on the history and not on the means: the posterior is the prior times each arm's own likelihood. So
P(max_a r_t(a) <= x) is the product of the arms' CDFs, each on a grid of means. Where the means stand still, the count
and sum of the rewards seen settle them; where each arm's is a Markov chain (abrupt, random_walk), forward-backward
smoothing gives p(r_t(a) | H_T) for every t (rmft.core.smoothing). FOL sees every arm's reward at each step, the bandits
the played arm's.
"""

import numpy as np

from rmft.core.drifts import Abrupt, Constant, RandomWalk
from rmft.core.metrics import pulls
from rmft.core.priors import Gap, Uniform
from rmft.core.rewards import Process, has_posterior
from rmft.core.smoothing import Chain, chain, smoothed
from rmft.core.tasks import Task
from rmft.core.trajectory import Play

Moments = tuple[np.ndarray, np.ndarray, np.ndarray]  # E[ max_a mu_a ], E[ mu_a ], E[ min_a mu_a ]
_CELLS = 200_000  # numbers in memory at a time: E x K x grid
_STEPPED_CELLS = 4_000_000  # the same where every step is kept: T x E x K x grid


def information_regret(task: Task, play: Play) -> np.ndarray:
    """Information regret of each episode, length E.

    A step without an action (-1) shows nothing and counts as the worst arm, E[ min_a r_t(a) | H_T ]. Raises ValueError,
    naming the task's key, where it is not defined.
    """
    if reason := knowable(task):
        raise ValueError(f"tasks: {task.name}: {reason}")
    if task.environment == "fol" and play.vectors is None:
        raise ValueError("vectors: the information regret of full information needs the rewards of all arms")
    return _standing(task, play) if isinstance(task.drift, Constant) else _moving(task, play)


def known_regret(task: Task, play: Play) -> np.ndarray:
    """Information regret of each episode, length E; NaN where the task has none."""
    return information_regret(task, play) if knowable(task) is None else np.full(len(play.actions), np.nan)


def knowable(task: Task) -> str | None:
    """Why information regret is not defined for a task, by its key; None where it is."""
    moving = isinstance(task.drift, Abrupt | RandomWalk)
    if not has_posterior(task.rewards):
        return f"rewards: information regret knows no posterior under {type(task.rewards).__name__} rewards"
    if not moving and not isinstance(task.drift, Constant):
        return f"drift: information regret knows no posterior under the {type(task.drift).__name__} drift"
    if not isinstance(task.means, Uniform if moving else Uniform | Gap):
        return f"means: information regret knows no posterior under {type(task.means).__name__} means"
    if isinstance(task.drift, RandomWalk) and task.drift.step * 500 < task.drift.high - task.drift.low:
        return "drift: information regret needs a step of at least a 500th of high - low"
    return None


def _standing(task: Task, play: Play) -> np.ndarray:
    """From the counts and sums alone."""
    acted = play.actions >= 0
    if task.environment == "fol":
        on = play.pi.sum(axis=1)
        counts = np.repeat(acted.sum(axis=1)[:, None], task.arms, axis=1)
        sums = np.where(acted[:, :, None], play.vectors, 0).sum(axis=1)
    else:
        counts, sums = sufficient_statistics(play.actions, play.rewards, task.arms)
        on = counts
    best, mean, worst = posterior(task, counts, sums)
    return acted.shape[1] * best - (on * mean).sum(axis=1) - (~acted).sum(axis=1) * worst


def _moving(task: Task, play: Play) -> np.ndarray:
    """By smoothing, a few episodes at a time."""
    links = chain(task.drift, task.means, task.rewards, task.horizon)
    played = play.actions[:, :, None] == np.arange(task.arms)
    if task.environment == "fol":
        seen, values, pi = np.broadcast_to(play.actions[:, :, None] >= 0, played.shape), play.vectors, play.pi
    else:
        seen, values, pi = played, play.rewards[:, :, None], played
    values = np.where(seen, values, 0)
    chunks = max(1, min(len(seen), seen.size * len(links.grid) // _STEPPED_CELLS))
    pieces = (np.array_split(of, chunks) for of in (seen, values, pi))
    return np.concatenate([_smoothed_regret(links, task.rewards, *piece) for piece in zip(*pieces, strict=True)])


def _smoothed_regret(
    links: Chain, process: Process, seen: np.ndarray, values: np.ndarray, pi: np.ndarray
) -> np.ndarray:
    """sum_t E[ max r_t ] - E[ <pi_t, r_t> ] from which rewards were seen (bool), what they were, and pi: E x T x K."""
    total, steps = np.zeros(len(seen)), seen.shape[1]

    def log_likelihoods(t: int) -> np.ndarray:
        return process.log_likelihood(seen[:, t, :, None], values[:, t, :, None], links.grid)

    for t, mass in zip(reversed(range(steps)), smoothed(links, log_likelihoods, steps), strict=True):
        best, mean, worst = _moments(links.grid, mass)
        total += best - np.where(seen[:, t].any(axis=1), (pi[:, t] * mean).sum(axis=1), worst)
    return total


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
        _moments(mu, _normalised(process.log_likelihood(n[:, :, None], s[:, :, None], mu)))
        for n, s in zip(np.array_split(counts, chunks), np.array_split(sums, chunks), strict=True)
    ]
    best, mean, worst = zip(*parts, strict=True)
    return np.concatenate(best), np.concatenate(mean), np.concatenate(worst)


def _moments(mu: np.ndarray, mass: np.ndarray) -> Moments:
    """E[ max mu ], E[ mu_a ], E[ min mu ] of independent arms from their probabilities (E x K x grid) of the ``mu``."""
    cdf = np.cumsum(mass, axis=2)
    below, above = cdf.prod(axis=1), (1 - np.minimum(cdf, 1)).prod(axis=1)
    step = mu[1] - mu[0]
    return mu[-1] - step * below[:, :-1].sum(axis=1), (mass * mu).sum(axis=2), mu[0] + step * above[:, :-1].sum(axis=1)


def _normalised(log_weights: np.ndarray) -> np.ndarray:
    """exp(log_weights), made to sum to 1 along the last axis."""
    weights = np.exp(log_weights - log_weights.max(axis=-1, keepdims=True))
    return weights / weights.sum(axis=-1, keepdims=True)
