"""Reward processes: how a drawn reward scatters about its hidden mean.

A process is a frozen dataclass with ``draw``, ``log_likelihood`` and ``spread``; a new one joins by an entry in
``PROCESSES``.
"""

from dataclasses import dataclass

import numpy as np

from rmft.core.seeding import normals, uniforms


def _draws(means: np.ndarray) -> np.ndarray:
    """The number of each reward in its episode's stream, T x K, step by step: T steps are a prefix of 2T."""
    return np.arange(means.shape[1] * means.shape[2]).reshape(means.shape[1:])


@dataclass(frozen=True)
class Gaussian:
    """R = mean + noise * N(0, 1); ``noise`` in reward units."""

    noise: float

    def __post_init__(self) -> None:
        if not self.noise >= 0:
            raise ValueError(f"noise: must be 0 or more, not {self.noise}")

    def draw(self, means: np.ndarray, *, seeds: np.ndarray) -> np.ndarray:
        """Rewards of the shape of ``means`` (E x T x K); each episode's come from its own seed (E)."""
        return means + self.noise * normals(seeds[:, None, None], _draws(means))

    def log_likelihood(self, count: np.ndarray, total: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """log p(rewards | mean) up to a constant in ``mean``, from their count and their sum."""
        return (total * mean - 0.5 * count * mean**2) / max(self.noise, 1e-3) ** 2

    def spread(self, count: int) -> float:
        """The least standard deviation that a mean's posterior can have after ``count`` rewards."""
        return max(self.noise, 1e-3) / count**0.5


@dataclass(frozen=True)
class Bernoulli:
    """R = 1 with probability mean, else 0."""

    def draw(self, means: np.ndarray, *, seeds: np.ndarray) -> np.ndarray:
        """Rewards of the shape of ``means`` (E x T x K); each episode's come from its own seed (E)."""
        return (uniforms(seeds[:, None, None], _draws(means)) < means).astype(np.float64)

    def log_likelihood(self, count: np.ndarray, total: np.ndarray, mean: np.ndarray) -> np.ndarray:
        """log p(rewards | mean), from their count and their sum."""
        p = np.clip(mean, 1e-12, 1 - 1e-12)
        return total * np.log(p) + (count - total) * np.log1p(-p)

    def spread(self, count: int) -> float:
        """The least standard deviation that a mean's posterior, Beta(1, n + 1), can have after ``count`` rewards."""
        return 1 / (count + 2)


Process = Gaussian | Bernoulli
PROCESSES: dict[str, type] = {"gaussian": Gaussian, "bernoulli": Bernoulli}
