"""Reward processes: how a drawn reward scatters about its hidden mean.

A process is a frozen dataclass with ``draw`` and ``centre``; a new one joins by an entry in ``PROCESSES``. ``centre``
says what the hidden number is that regret is counted in: the mean of what is drawn, or its location where what is drawn
has no mean or is clipped. Those with ``log_likelihood`` and ``spread`` have a posterior from the count and sum of rewards.
"""

from dataclasses import dataclass

import numpy as np

from rmft.core.seeding import fold, normals, uniforms
from rmft.core.seen import require

Clip = tuple[float, float]  # least and greatest reward


def _draws(means: np.ndarray) -> np.ndarray:
    """The number of each reward in its episode's stream, T x K, step by step: T steps are a prefix of 2T."""
    return np.arange(means.shape[1] * means.shape[2]).reshape(means.shape[1:])


@dataclass(frozen=True)
class Gaussian:
    """R = mean + noise * N(0, 1); ``noise`` in reward units."""

    noise: float
    centre = "mean"

    def __post_init__(self) -> None:
        require(self.noise >= 0, "noise: must be 0 or more", self.noise)

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

    centre = "mean"

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


@dataclass(frozen=True)
class Uniform:
    """R ~ U(mean - width, mean + width); ``width`` in reward units."""

    width: float
    centre = "mean"

    def __post_init__(self) -> None:
        require(self.width >= 0, "width: must be 0 or more", self.width)

    def draw(self, means: np.ndarray, *, seeds: np.ndarray) -> np.ndarray:
        """Rewards of the shape of ``means`` (E x T x K); each episode's come from its own seed (E)."""
        return means + self.width * (2 * uniforms(seeds[:, None, None], _draws(means)) - 1)


@dataclass(frozen=True)
class Cauchy:
    """R = location + scale * standard Cauchy, clipped to ``clip``. It has no mean: regret is by the location."""

    scale: float
    clip: Clip
    centre = "location"

    def __post_init__(self) -> None:
        require(self.scale > 0, "scale: must be above 0", self.scale)
        _require_clip(self.clip)

    def draw(self, means: np.ndarray, *, seeds: np.ndarray) -> np.ndarray:
        """Rewards of the shape of the locations (E x T x K); each episode's come from its own seed (E)."""
        angle = np.pi * (uniforms(seeds[:, None, None], _draws(means)) - 0.5)
        return np.clip(means + self.scale * np.tan(angle), *self.clip)


@dataclass(frozen=True)
class Pareto:
    """R = mean + scale (X - shape / (shape - 1)), P(X > x) = x^-shape for x >= 1; variance infinite up to shape 2.

    With ``clip``, what is drawn is clipped to it, and the mean above is that before clipping.
    """

    shape: float
    scale: float
    clip: Clip | None = None

    def __post_init__(self) -> None:
        require(self.shape > 1, "shape: must be above 1", self.shape)
        require(self.scale > 0, "scale: must be above 0", self.scale)
        if self.clip is not None:
            _require_clip(self.clip)

    @property
    def centre(self) -> str:
        return "mean" if self.clip is None else "location"

    def draw(self, means: np.ndarray, *, seeds: np.ndarray) -> np.ndarray:
        """Rewards of the shape of ``means`` (E x T x K); each episode's come from its own seed (E)."""
        x = (1 - uniforms(seeds[:, None, None], _draws(means))) ** (-1 / self.shape)
        rewards = means + self.scale * (x - self.shape / (self.shape - 1))
        return rewards if self.clip is None else np.clip(rewards, *self.clip)


@dataclass(frozen=True)
class Mixture:
    """R = mean + offset_j - sum_i w_i offset_i + noise N(0, 1), mode j with probability w_j: several modes, exact mean."""

    offsets: tuple[float, ...]
    weights: tuple[float, ...]
    noise: float
    centre = "mean"

    def __post_init__(self) -> None:
        require(len(self.offsets) > 0, "offsets: must name at least one mode", self.offsets)
        fits = len(self.weights) == len(self.offsets) and min(self.weights) >= 0 and abs(sum(self.weights) - 1) < 1e-9
        require(fits, "weights: must be one for each offset, 0 or more, with sum 1", self.weights)
        require(self.noise >= 0, "noise: must be 0 or more", self.noise)

    def draw(self, means: np.ndarray, *, seeds: np.ndarray) -> np.ndarray:
        """Rewards of the shape of ``means`` (E x T x K); each episode's come from its own seed (E)."""
        offsets, draws = np.array(self.offsets), _draws(means)
        share = uniforms(fold(seeds, 0)[:, None, None], draws)
        mode = np.searchsorted(np.cumsum(self.weights)[:-1], share, side="right")
        scatter = self.noise * normals(fold(seeds, 1)[:, None, None], draws)
        return means + offsets[mode] - offsets @ np.array(self.weights) + scatter


Process = Gaussian | Bernoulli | Uniform | Cauchy | Pareto | Mixture
PROCESSES: dict[str, type] = {
    "gaussian": Gaussian,
    "bernoulli": Bernoulli,
    "uniform": Uniform,
    "cauchy": Cauchy,
    "pareto": Pareto,
    "mixture": Mixture,
}


def has_posterior(process: Process) -> bool:
    """Whether the count and the sum of rewards settle what they say about their mean."""
    return hasattr(process, "log_likelihood")


def _require_clip(clip: Clip) -> None:
    require(len(clip) == 2 and clip[0] < clip[1], "clip: must be [low, high] with low below high", clip)
