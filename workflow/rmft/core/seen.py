"""What a policy sees, and the few words that every policy is written in.

Arms come first (K x E), so that every operation runs along the episodes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Seen:
    """What E episodes have shown before a step. The arrays are the simulation's books, for reading alone.

    step: how many steps were played. counts, sums: how often each arm's reward was shown and the sums of these, K x E.
    weighted: sums of reward / probability that it was shown, K x E: on average what each arm has paid, if pi > 0.
    last: each episode's last action, E (-1 at first). seeds: uint64, E, the same at every step, for what the policy
    itself draws. own: what the policy's ``learn`` returned last (None at first).

    A bandit is shown its own arm alone, with probability pi(a). In full information (FOL) every arm is shown, with
    probability 1: counts are the steps played, and sums = weighted = sum_{s<t} R_s.
    """

    step: int
    counts: np.ndarray
    sums: np.ndarray
    weighted: np.ndarray
    last: np.ndarray
    seeds: np.ndarray
    own: Any = None


def average(counts: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Average reward of each arm, K x E; infinite for an arm not yet tried, so that each is tried once first."""
    return np.divide(sums, counts, out=np.full_like(sums, np.inf), where=counts > 0)


def largest(index: np.ndarray) -> np.ndarray:
    """pi: uniform over the arms with the largest index (K x E)."""
    ties = index == index.max(axis=0)
    return ties / ties.sum(axis=0)


def softmax(index: np.ndarray) -> np.ndarray:
    """pi: proportional to exp(index), K x E."""
    weights = np.exp(index - index.max(axis=0))
    return weights / weights.sum(axis=0)


def one_hot(action: np.ndarray, arms: int) -> np.ndarray:
    """pi: the arm ``action`` (E), for certain."""
    return (np.arange(arms)[:, None] == action).astype(np.float64)


def require(holds: bool, rule: str, value: object) -> None:
    """Raises ValueError with the rule, which begins with the constant's name, and the value that breaks it."""
    if not holds:
        raise ValueError(f"{rule}, not {value!r}")
