"""Following a best arm that changes: who plays it, and who still plays the one that was best before."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Changes:
    """The best arm of every step (E x T), and the one that was best before it last changed (-1: it has not yet)."""

    best: np.ndarray
    former: np.ndarray

    @property
    def at(self) -> np.ndarray:
        """Whether the best arm of a step is not that of the step before, E x T."""
        first = np.zeros((len(self.best), 1), bool)
        return np.concatenate([first, self.best[:, 1:] != self.best[:, :-1]], axis=1)


def changes(means: np.ndarray) -> Changes:
    """From mean rewards E x T x K; among arms alike the one of lowest index."""
    best = means.argmax(axis=2)
    former = np.full_like(best, -1)
    for t in range(1, best.shape[1]):
        former[:, t] = np.where(best[:, t] == best[:, t - 1], former[:, t - 1], best[:, t - 1])
    return Changes(best, former)


def played(pi: np.ndarray, arms: np.ndarray) -> np.ndarray:
    """The probability (0 or 1 for an action) with which each step plays its arm of ``arms`` (E x T), from pi, E x T x K;
    0 where that is -1."""
    shares = np.take_along_axis(pi, np.maximum(arms, 0)[:, :, None], axis=2)[:, :, 0]
    return np.where(arms < 0, 0.0, shares)


def around(found: Changes, before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """(episodes, steps): of each episode the first change of its best arm with ``before`` steps ahead of it and ``after``
    from it on, in steps from 0; episodes without one are left out."""
    room = found.at.copy()
    room[:, :before] = False
    room[:, room.shape[1] - after + 1 :] = False
    episodes = np.flatnonzero(room.any(axis=1))
    return episodes, room[episodes].argmax(axis=1)


def window(pi: np.ndarray, found: Changes, before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
    """(new, old): with which probability the arm that becomes best at a change (``around``) and the one that was best until
    then are played, from ``before`` steps ahead of it on: each (episodes) x (before + after)."""
    episodes, steps = around(found, before, after)
    at = steps[:, None] + np.arange(-before, after)
    own = pi[episodes[:, None], at]
    new, old = found.best[episodes, steps], found.best[episodes, steps - 1]
    rows = np.arange(len(episodes))
    return own[rows, :, new], own[rows, :, old]
