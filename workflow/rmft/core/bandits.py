"""Bandits: baselines that know of an arm only what it paid. Siblings, each whole in itself: none inherits another's bonus.

In full information every arm pays at every step, and the same formulas hold: counts are alike, so a bonus is too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmft.core.draws import betas
from rmft.core.seeding import fold, normals
from rmft.core.seen import Seen, average, largest, one_hot, require


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
        return largest(average(seen.counts, seen.sums))


@dataclass(frozen=True)
class EpsGreedy:
    """Greedy, but with probability epsilon any arm."""

    epsilon: float

    def __post_init__(self) -> None:
        require(0 <= self.epsilon <= 1, "epsilon: must lie in [0, 1]", self.epsilon)

    @property
    def label(self) -> str:
        return f"eps-greedy (eps={self.epsilon:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        return self.epsilon / len(seen.counts) + (1 - self.epsilon) * largest(average(seen.counts, seen.sums))


@dataclass(frozen=True)
class ExploreThenCommit:
    """Every arm ``pulls`` times, in random order; then for good the one whose average was the largest."""

    pulls: int

    def __post_init__(self) -> None:
        require(self.pulls >= 1, "pulls: must be 1 or more", self.pulls)

    @property
    def label(self) -> str:
        return f"explore-then-commit (m={self.pulls})"

    def __call__(self, seen: Seen) -> np.ndarray:
        explored = self.pulls * len(seen.counts)
        if seen.step < explored:
            return largest(-seen.counts)
        if seen.step == explored:
            return largest(average(seen.counts, seen.sums))
        return one_hot(seen.last, len(seen.counts))


GROWTHS: dict[str, Callable[[int], float]] = {"none": lambda step: 1.0, "log": lambda step: float(np.log(max(step, 1)))}


@dataclass(frozen=True)
class Ucb:
    """Each arm once, then the largest average + sqrt(c g / n); g is 1 (growth none) or ln of the steps played (log)."""

    constant: float
    growth: str

    def __post_init__(self) -> None:
        require(self.constant >= 0, "constant: must be 0 or more", self.constant)
        require(self.growth in GROWTHS, f"growth: must be one of {', '.join(GROWTHS)}", self.growth)

    @property
    def label(self) -> str:
        return f"UCB (c={self.constant:g}{' ln t' if self.growth == 'log' else ''})"

    def __call__(self, seen: Seen) -> np.ndarray:
        scale = self.constant * GROWTHS[self.growth](seen.step)
        return largest(average(seen.counts, seen.sums) + np.sqrt(scale / np.maximum(seen.counts, 1)))


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
        require(self.noise > 0, "noise: must be above 0", self.noise)
        require(self.prior_sd > 0, "prior_sd: must be above 0", self.prior_sd)

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
        require(0 < self.gamma <= 1, "gamma: must lie in (0, 1]", self.gamma)

    @property
    def label(self) -> str:
        return f"EXP3 (gamma={self.gamma:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        arms = len(seen.counts)
        weights = np.exp(self.gamma / arms * (seen.weighted - seen.weighted.max(axis=0)))
        return (1 - self.gamma) * weights / weights.sum(axis=0) + self.gamma / arms
