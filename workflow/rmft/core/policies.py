"""The baselines: policies that need no model. Siblings, each whole in itself: none inherits another's bonus.

A policy maps what was seen to pi_t, a distribution over the arms; ``play`` samples the action from it. Arms come first
(K x E), so that every operation runs along the episodes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from rmft.core.draws import betas
from rmft.core.rewards import Bernoulli
from rmft.core.seeding import fold, normals, uniforms
from rmft.core.tasks import Episodes, Task


@dataclass(frozen=True)
class Seen:
    """What E episodes have shown before a step. The arrays are the simulation's books, for reading alone.

    step: how many steps were played. counts, sums: pulls of each arm and the sums of their rewards, K x E.
    weighted: sums of reward / pi(action), K x E. last: each episode's last action, E (-1 at first).
    seeds: uint64, E, the same at every step, for what the policy itself draws.
    """

    step: int
    counts: np.ndarray
    sums: np.ndarray
    weighted: np.ndarray
    last: np.ndarray
    seeds: np.ndarray


def average(seen: Seen) -> np.ndarray:
    """Average reward of each arm, K x E; infinite for an arm not yet tried, so that each is tried once first."""
    return np.divide(seen.sums, seen.counts, out=np.full_like(seen.sums, np.inf), where=seen.counts > 0)


def largest(index: np.ndarray) -> np.ndarray:
    """pi: uniform over the arms with the largest index (K x E)."""
    ties = index == index.max(axis=0)
    return ties / ties.sum(axis=0)


@dataclass(frozen=True)
class Random:
    """Every arm alike."""

    label = "random"

    def __call__(self, seen: Seen) -> np.ndarray:
        return np.full(seen.counts.shape, 1 / len(seen.counts))


@dataclass(frozen=True)
class Greedy:
    """Each arm once, then the largest average. No bonus."""

    label = "greedy"

    def __call__(self, seen: Seen) -> np.ndarray:
        return largest(average(seen))


@dataclass(frozen=True)
class EpsGreedy:
    """Greedy, but with probability epsilon any arm."""

    epsilon: float

    def __post_init__(self) -> None:
        _require(0 <= self.epsilon <= 1, "epsilon: must lie in [0, 1]", self.epsilon)

    @property
    def label(self) -> str:
        return f"eps-greedy (eps={self.epsilon:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        return self.epsilon / len(seen.counts) + (1 - self.epsilon) * largest(average(seen))


@dataclass(frozen=True)
class ExploreThenCommit:
    """Every arm ``pulls`` times, in random order; then for good the one whose average was the largest."""

    pulls: int

    def __post_init__(self) -> None:
        _require(self.pulls >= 1, "pulls: must be 1 or more", self.pulls)

    @property
    def label(self) -> str:
        return f"explore-then-commit (m={self.pulls})"

    def __call__(self, seen: Seen) -> np.ndarray:
        explored = self.pulls * len(seen.counts)
        if seen.step < explored:
            return largest(-seen.counts)
        if seen.step == explored:
            return largest(average(seen))
        return (np.arange(len(seen.counts))[:, None] == seen.last).astype(np.float64)


GROWTHS: dict[str, Callable[[int], float]] = {"none": lambda step: 1.0, "log": lambda step: float(np.log(max(step, 1)))}


@dataclass(frozen=True)
class Ucb:
    """Each arm once, then the largest average + sqrt(c g / n); g is 1 (growth none) or ln of the steps played (log)."""

    constant: float
    growth: str

    def __post_init__(self) -> None:
        _require(self.constant >= 0, "constant: must be 0 or more", self.constant)
        _require(self.growth in GROWTHS, f"growth: must be one of {', '.join(GROWTHS)}", self.growth)

    @property
    def label(self) -> str:
        return f"UCB (c={self.constant:g}{' ln t' if self.growth == 'log' else ''})"

    def __call__(self, seen: Seen) -> np.ndarray:
        scale = self.constant * GROWTHS[self.growth](seen.step)
        return largest(average(seen) + np.sqrt(scale / np.maximum(seen.counts, 1)))


@dataclass(frozen=True)
class ThompsonBernoulli:
    """The largest of one draw from each arm's posterior under a Beta(1, 1) prior; rewards 0 or 1."""

    label = "Thompson (Beta(1,1))"

    def __call__(self, seen: Seen) -> np.ndarray:
        streams = fold(fold(seen.seeds, seen.step), np.arange(len(seen.counts))[:, None])
        return largest(betas(streams, 1 + seen.sums, 1 + seen.counts - seen.sums))


@dataclass(frozen=True)
class ThompsonGaussian:
    """The largest of one draw from each arm's posterior: prior N(prior_mean, prior_sd^2), rewards N(mu, noise^2)."""

    noise: float
    prior_mean: float
    prior_sd: float

    def __post_init__(self) -> None:
        _require(self.noise > 0, "noise: must be above 0", self.noise)
        _require(self.prior_sd > 0, "prior_sd: must be above 0", self.prior_sd)

    @property
    def label(self) -> str:
        return f"Thompson (N({self.prior_mean:g}, {self.prior_sd:g}^2), noise {self.noise:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        precision = self.prior_sd**-2 + seen.counts * self.noise**-2
        mean = (self.prior_mean * self.prior_sd**-2 + seen.sums * self.noise**-2) / precision
        drawn = normals(fold(seen.seeds, seen.step), np.arange(len(mean))[:, None])
        return largest(mean + drawn / np.sqrt(precision))


@dataclass(frozen=True)
class Exp3:
    """pi = (1 - gamma) softmax(gamma/K x weighted rewards) + gamma/K (Auer et al. 2002); rewards in [0, 1]."""

    gamma: float

    def __post_init__(self) -> None:
        _require(0 < self.gamma <= 1, "gamma: must lie in (0, 1]", self.gamma)

    @property
    def label(self) -> str:
        return f"EXP3 (gamma={self.gamma:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        arms = len(seen.counts)
        weights = np.exp(self.gamma / arms * (seen.weighted - seen.weighted.max(axis=0)))
        return (1 - self.gamma) * weights / weights.sum(axis=0) + self.gamma / arms


Policy = Random | Greedy | EpsGreedy | ExploreThenCommit | Ucb | ThompsonBernoulli | ThompsonGaussian | Exp3
POLICIES: dict[str, type] = {
    "random": Random,
    "greedy": Greedy,
    "eps_greedy": EpsGreedy,
    "explore_then_commit": ExploreThenCommit,
    "ucb": Ucb,
    "thompson_bernoulli": ThompsonBernoulli,
    "thompson_gaussian": ThompsonGaussian,
    "exp3": Exp3,
}


def policy_from_config(entry: dict) -> Policy:
    """The policy of a config entry, {"policy": name, ...its constants}. Raises ValueError, naming the key."""
    settings = dict(entry)
    name = settings.pop("policy", None)
    if name not in POLICIES:
        raise ValueError(f"policy: must be one of {', '.join(POLICIES)}, not {name!r}")
    try:
        return POLICIES[name](**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def label(entry: dict) -> str:
    """The name for legends and tables, with every constant: the constant alone can change the regret by a fifth."""
    return policy_from_config(entry).label


@dataclass(frozen=True)
class Played:
    """What a baseline did: actions (int, E x T) and the rewards they drew (E x T)."""

    actions: np.ndarray
    rewards: np.ndarray


def play(entry: dict, task: Task, episodes: Episodes) -> Played:
    """Play the policy of a config entry through the task's episodes, all at once.

    Each episode depends on its own seed and rewards alone: order, batch size and company change nothing.
    Raises ValueError where the policy cannot play the task.
    """
    policy = policy_from_config(entry)
    playable = isinstance(task.rewards, Bernoulli) or not isinstance(policy, ThompsonBernoulli)
    if not playable:
        raise ValueError(f"policy: thompson_bernoulli needs Bernoulli rewards, which {task.name} has not")
    return simulate(policy, episodes.rewards, episodes.seeds)


def simulate(policy: Policy, rewards: np.ndarray, seeds: np.ndarray) -> Played:
    """Play through rewards drawn beforehand (E x T x K), with one seed (uint64) for each episode."""
    steps, arms, size = rewards.shape[1], np.arange(rewards.shape[2])[:, None], len(rewards)
    hidden = np.ascontiguousarray(rewards.transpose(1, 2, 0))  # T x K x E
    counts, sums, weighted = np.zeros((3, len(arms), size))
    actions, drawn = np.full((steps, size), -1), np.zeros((steps, size))
    choice, own = uniforms(fold(seeds, 0), np.arange(steps)[:, None]), fold(seeds, 1)
    for t in range(steps):
        pi = policy(Seen(t, counts, sums, weighted, actions[t - 1], own))
        cumulative = np.stack(list(accumulate(pi)))  # three times as fast as cumsum along the short axis
        actions[t] = (cumulative <= choice[t] * cumulative[-1]).sum(axis=0)
        played = arms == actions[t]
        reward = played * hidden[t]
        drawn[t] = reward.sum(axis=0)
        counts += played
        sums += reward
        weighted += reward / np.where(played, pi, 1)
    return Played(np.ascontiguousarray(actions.T), np.ascontiguousarray(drawn.T))


def _require(holds: bool, rule: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{rule}, not {value!r}")
