"""Bandits that forget: baselines for means that drift. What still counts for them stands in ``Seen.own``, by ``learn``.

Siblings, each whole in itself. With nothing forgotten each is the bandit whose name it bears, action by action.
"""

from collections import deque
from dataclasses import dataclass

import numpy as np

from rmft.core.seen import Seen, average, largest, require


def _optimistic(counts: np.ndarray, sums: np.ndarray, scale: float) -> np.ndarray:
    """pi: each arm once, then the largest average + sqrt(scale / count); counts need not be whole."""
    return largest(average(counts, sums) + np.sqrt(scale / np.where(counts > 0, counts, 1)))


@dataclass(frozen=True)
class SlidingWindowUcb:
    """UCB of the last ``window`` steps alone: average + sqrt(c ln min(t, window) / n) (Garivier, Moulines 2011, section 3).

    c is their B^2 xi. t: the steps played; n: the pulls in the window; an arm with none is tried. ``own``: the window's
    counts and sums, K x E each, and its steps, oldest first.
    """

    constant: float
    window: int

    def __post_init__(self) -> None:
        require(self.constant >= 0, "constant: must be 0 or more", self.constant)
        require(self.window >= 1, "window: must be 1 or more", self.window)

    @property
    def label(self) -> str:
        return f"sliding-window UCB (c={self.constant:g} ln t, window={self.window})"

    def __call__(self, seen: Seen) -> np.ndarray:
        counts, sums, _ = seen.own or (seen.counts, seen.sums, None)
        return _optimistic(counts, sums, self.constant * np.log(max(min(seen.step, self.window), 1)))

    def learn(self, seen: Seen, shown: np.ndarray, reward: np.ndarray, weighted: np.ndarray) -> tuple:
        counts, sums, steps = seen.own or (seen.counts, seen.sums, deque())
        counts, sums = counts + shown, sums + reward
        steps.append((shown, reward))
        if len(steps) > self.window:
            then_shown, then_reward = steps.popleft()
            counts, sums = counts - then_shown, sums - then_reward
        return counts, sums, steps


@dataclass(frozen=True)
class DiscountedUcb:
    """UCB in which a reward s steps ago weighs discount^s: average + sqrt(c ln N / n) (Garivier, Moulines 2011, section 2).

    c is their 4 B^2 xi. N = sum_s discount^s over the steps played; n: the arm's share of it. ``own``: the discounted
    counts and sums, K x E each.
    """

    constant: float
    discount: float

    def __post_init__(self) -> None:
        require(self.constant >= 0, "constant: must be 0 or more", self.constant)
        require(0 < self.discount <= 1, "discount: must lie in (0, 1]", self.discount)

    @property
    def label(self) -> str:
        return f"discounted UCB (c={self.constant:g} ln t, discount={self.discount:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        counts, sums = seen.own or (seen.counts, seen.sums)
        return _optimistic(counts, sums, self.constant * np.log(max(self._steps(seen.step), 1)))

    def _steps(self, step: int) -> float:
        return step if self.discount == 1 else (1 - self.discount**step) / (1 - self.discount)

    def learn(self, seen: Seen, shown: np.ndarray, reward: np.ndarray, weighted: np.ndarray) -> tuple:
        counts, sums = seen.own or (seen.counts, seen.sums)
        return self.discount * counts + shown, self.discount * sums + reward


@dataclass(frozen=True)
class Exp3S:
    """EXP3 whose weights stay within reach of each other, so that it can change its mind; rewards in [0, 1].

    pi = (1 - gamma) w / sum w + gamma/K, and with x the importance-weighted rewards of the step
    w_a <- w_a exp(gamma/K x_a) + (e alpha / K) sum w (Auer et al. 2002, section 8). ``own``: ln w, K x E.
    """

    gamma: float
    alpha: float

    def __post_init__(self) -> None:
        require(0 < self.gamma <= 1, "gamma: must lie in (0, 1]", self.gamma)
        require(0 <= self.alpha <= 1, "alpha: must lie in [0, 1]", self.alpha)

    @property
    def label(self) -> str:
        return f"EXP3.S (gamma={self.gamma:g}, alpha={self.alpha:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        logs = self._logs(seen)
        weights = np.exp(logs - logs.max(axis=0))
        return (1 - self.gamma) * weights / weights.sum(axis=0) + self.gamma / len(logs)

    def _logs(self, seen: Seen) -> np.ndarray:
        return np.zeros_like(seen.sums) if seen.own is None else seen.own

    def learn(self, seen: Seen, shown: np.ndarray, reward: np.ndarray, weighted: np.ndarray) -> np.ndarray:
        logs = self._logs(seen)
        grown = logs + self.gamma / len(logs) * weighted
        if not self.alpha:
            return grown
        top = logs.max(axis=0)
        total = top + np.log(np.exp(logs - top).sum(axis=0))
        return np.logaddexp(grown, 1 + np.log(self.alpha / len(logs)) + total)
