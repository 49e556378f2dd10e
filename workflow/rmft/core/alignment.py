"""What reasonings say against what the history says: alignment, numeric error, and the gap between knowing and doing.

The paper's Figure 6 asks whether both agree better after training; how it counts is not public, so the definitions are ours
[ours]. Knowing and doing: arXiv 2504.16078. The average of an arm is the plain one of all that was shown of it, where means
move (ns-mab) too.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rmft.core.reasoning import Said
from rmft.core.trajectory import Play

COUNTS = ("steps", "stated", "right", "acted", "explores", "exploits", "numbers", "stated_all", "right_all")
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Spoken:
    """What was said in E episodes of T steps with K arms.

    replied: bool, E x T, whether there is a reply that was read. best: int, E x T, the arm called best (-1: none).
    averages: E x T x K, as stated (NaN: not stated). explores, exploits: bool, E x T.
    """

    replied: np.ndarray
    best: np.ndarray
    averages: np.ndarray
    explores: np.ndarray
    exploits: np.ndarray


def spoken(said: list[list[Said | None]], horizon: int, arms: int) -> Spoken:
    """The arrays of what each episode said at each step; None where there is no reply that was read."""
    shape = len(said), horizon
    replied, explores, exploits = np.zeros((3, *shape), bool)
    best, averages = np.full(shape, -1), np.full((*shape, arms), np.nan)
    for episode, row in enumerate(said):
        for step, each in enumerate(row):
            if each is None:
                continue
            at = episode, step
            replied[at], explores[at], exploits[at] = True, each.explores, each.exploits
            best[at] = -1 if each.best is None else each.best
            for arm, average in each.averages:
                averages[(*at, arm)] = average
    return Spoken(replied, best, averages, explores, exploits)


def shown_averages(
    play: Play, write: Callable[[np.ndarray], np.ndarray], *, summary: bool, weighted: bool
) -> np.ndarray:
    """Average of what was shown of each arm before each step, E x T x K; NaN where nothing was.

    write: numbers as the policy reads them, rounded. summary: the average is what is written, else each reward is.
    weighted: rewards are shown divided by pi_t(a_t), the policies of the play.
    """
    full = play.vectors is not None
    values = play.vectors if full else np.where(play.pulled > 0, play.rewards[:, :, None], 0.0)
    if weighted:
        values = np.divide(values, play.pi, out=np.zeros_like(values), where=play.pulled > 0)
    shown = np.broadcast_to((play.actions >= 0)[:, :, None], values.shape) if full else play.pulled > 0
    values = np.where(shown, values if summary else write(values), 0.0)
    counts, sums = (np.cumsum(each, axis=1) - each for each in (shown.astype(float), values))
    averages = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return np.where(np.isnan(averages), averages, write(np.nan_to_num(averages))) if summary else averages


def largest(averages: np.ndarray) -> np.ndarray:
    """Whether each arm has the largest average of those of which something was shown (bool, ... x K); ties all have it."""
    known = np.where(np.isnan(averages), -np.inf, averages)
    return np.isfinite(averages) & (known >= known.max(axis=-1, keepdims=True) - _ROUNDING)


def doing(play: Play, *, distribution: bool) -> np.ndarray:
    """Whether each arm is what the policy does (bool, E x T x K): its action, or an arm of the largest share."""
    if not distribution:
        return play.pulled > 0
    pi = play.pi
    return (pi >= pi.max(axis=2, keepdims=True) - _ROUNDING) & (pi > 0)


def counts(said: Spoken, averages: np.ndarray, does: np.ndarray) -> dict[str, np.ndarray]:
    """COUNTS and ``error`` of each episode (E): of its steps with a reply that was read, those that name a best arm, name
    one of the largest average, and then do it; that say that they explore, or exploit; the averages that are stated of arms
    of which something was shown, and the sum of how far they are off. ``_all``: of steps before which every arm was shown,
    as it is no art to name the best of one."""
    named = np.arange(averages.shape[2]) == said.best[:, :, None]
    stated, right = said.best >= 0, (named & largest(averages)).any(axis=2)
    every = np.isfinite(averages).all(axis=2)
    off = np.abs(said.averages - averages)
    found = {
        "steps": said.replied,
        "stated": stated,
        "right": right,
        "acted": right & (named & does).any(axis=2),
        "explores": said.explores,
        "exploits": said.exploits,
        "numbers": np.isfinite(off).sum(axis=2),
        "stated_all": stated & every,
        "right_all": right & every,
    }
    found = {name: values.sum(axis=1).astype(np.int32) for name, values in found.items()}
    return found | {"error": np.nan_to_num(off).sum(axis=(1, 2))}
