"""Oracles: what no policy can know, as the yardstick that regret measures with. ``told`` gives them what is hidden."""

from dataclasses import dataclass

import numpy as np

from rmft.core.seeding import fold, uniforms
from rmft.core.seen import Seen, largest, one_hot
from rmft.core.tasks import Episodes


@dataclass(frozen=True)
class Fixed:
    """One arm for good: ``actions`` holds each episode's, E."""

    actions: np.ndarray

    def __call__(self, seen: Seen) -> np.ndarray:
        return one_hot(self.actions, len(seen.counts))


@dataclass(frozen=True)
class Foreseen:
    """The largest mean reward of each step, less the ``reaction`` to what was played last; means T x K x E or 1 x K x E."""

    means: np.ndarray
    reaction: float

    def __call__(self, seen: Seen) -> np.ndarray:
        means = self.means[seen.step if len(self.means) > 1 else 0]
        return largest(means - self.reaction * one_hot(seen.last, len(means)))


@dataclass(frozen=True)
class BestFixedArm:
    """The arm with the largest sum of mean rewards, or of realised rewards in full information: what regret compares with.

    Its regret is 0 in MAB and in FOL. Of tied arms it is one, drawn for the episode. Where rewards react to what was
    played, the sums are those before any reaction, and no fixed arm need have regret 0.
    """

    label = "best fixed arm"

    def told(self, episodes: Episodes, *, full: bool, reaction: float) -> Fixed:
        total = (episodes.rewards if full else episodes.mean_rewards).sum(axis=1)
        lots = uniforms(fold(episodes.seeds, 1)[:, None], np.arange(total.shape[1]))
        return Fixed(np.where(total == total.max(axis=1, keepdims=True), lots, -1).argmax(axis=1))


@dataclass(frozen=True)
class PerStepOracle:
    """The arm with the largest mean reward of each step: dynamic regret 0 in every episode.

    It knows r_t and not the luck of R_t, in full information too: its regret there can have either sign.
    """

    label = "per-step oracle"

    def told(self, episodes: Episodes, *, full: bool, reaction: float) -> Foreseen:
        return Foreseen(np.ascontiguousarray(episodes.mean_rewards.transpose(1, 2, 0)), reaction)
