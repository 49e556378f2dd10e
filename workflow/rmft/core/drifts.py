"""Drifts: how the mean rewards of a scenario move within an episode.

A drift is a frozen dataclass with ``path`` and ``bounds``; a new one joins by an entry in ``DRIFTS``. The first T steps
of a path of 2T steps are those of the path of T. Steps are numbered t = 0, 1, ... here, as in the arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from rmft.core.priors import Prior, Uniform
from rmft.core.seeding import fold, normals, uniforms
from rmft.core.seen import require


@dataclass(frozen=True)
class Constant:
    """r_t(a) = base(a)."""

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x 1 x K from those drawn (S x K); each scenario's come from its own seed (S)."""
        return base[:, None, :]

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest mean that ``horizon`` steps can reach from a base in [low, high]."""
        return low, high


@dataclass(frozen=True)
class Sine:
    """r_t(a) = base(a) + amplitude sin(2 pi (t / period + phase_a)), phase_a ~ U(0, 1); ``period`` in steps."""

    amplitude: float
    period: float

    def __post_init__(self) -> None:
        require(self.amplitude > 0, "amplitude: must be above 0", self.amplitude)
        require(self.period > 0, "period: must be above 0", self.period)

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x T x K."""
        phase = uniforms(seeds[:, None], np.arange(base.shape[1]))[:, None, :]
        turn = np.arange(horizon)[:, None] / self.period + phase
        return base[:, None, :] + self.amplitude * np.sin(2 * np.pi * turn)

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest reachable mean."""
        return low - self.amplitude, high + self.amplitude


@dataclass(frozen=True)
class Linear:
    """r_t(a) = base(a) + slope_a t, slope_a ~ U(-slope, slope); reward units a step."""

    slope: float

    def __post_init__(self) -> None:
        require(self.slope > 0, "slope: must be above 0", self.slope)

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x T x K."""
        slope = self.slope * (2 * uniforms(seeds[:, None], np.arange(base.shape[1])) - 1)
        return base[:, None, :] + slope[:, None, :] * np.arange(horizon)[:, None]

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest reachable mean."""
        return low - self.slope * (horizon - 1), high + self.slope * (horizon - 1)


@dataclass(frozen=True)
class RandomWalk:
    """r_{t+1}(a) = r_t(a) + step N(0, 1), reflected into [low, high]."""

    step: float
    low: float
    high: float

    def __post_init__(self) -> None:
        require(self.step > 0, "step: must be above 0", self.step)
        require(self.low < self.high, f"low: must lie below high ({self.high})", self.low)

    def reflect(self, x: np.ndarray) -> np.ndarray:
        """Fold the line into [low, high]: the two ends are mirrors."""
        y = (x - self.low) % (2 * (self.high - self.low))
        return self.low + np.minimum(y, 2 * (self.high - self.low) - y)

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x T x K."""
        moves = self.step * _each(normals, seeds, horizon, base.shape[1])
        steps = accumulate(moves.swapaxes(0, 1)[1:], lambda r, move: self.reflect(r + move), initial=base)
        return np.stack(list(steps), axis=1)

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest reachable mean."""
        return self.low, self.high


@dataclass(frozen=True)
class Abrupt:
    """At each step t >= 1 each arm, on its own and with probability ``hazard``, has its mean drawn anew."""

    hazard: float

    def __post_init__(self) -> None:
        require(0 < self.hazard <= 1, "hazard: must lie in (0, 1]", self.hazard)

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x T x K, new means from ``prior``."""
        (scenarios, arms), steps = base.shape, np.arange(horizon)
        streams = fold(fold(seeds, 1)[:, None], steps)
        drawn = prior.draw(arms, seeds=streams.ravel()).reshape(scenarios, horizon, arms)
        drawn[:, 0] = base
        jumps = _each(uniforms, fold(seeds, 0), horizon, arms) < self.hazard
        since = np.maximum.accumulate(np.where(jumps, steps[:, None], 0), axis=1)
        return np.take_along_axis(drawn, since, axis=1)

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest reachable mean."""
        return low, high


@dataclass(frozen=True)
class Alternating:
    """r_t(a) = base((a + b) mod K) in block b = floor(t / period): the arms exchange their means in turn."""

    period: int

    def __post_init__(self) -> None:
        require(self.period >= 1, "period: must be 1 or more", self.period)

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x T x K."""
        arms, block = base.shape[1], np.arange(horizon) // self.period
        return base[:, (np.arange(arms) + block[:, None]) % arms]

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest reachable mean."""
        return low, high


@dataclass(frozen=True)
class Adaptive:
    """r_t(a) = base(a) - penalty 1[a = a_{t-1}]: the arm just played pays less at the next step.

    Ours: the "noisy adaptive" of arXiv 2403.16843 is recalled to react to the policy's distribution; this one reacts to
    its last action, so that it is defined where no distribution is known. The path is constant and leaves the reaction
    out, since no one knows it before the episode is played: ``reacted`` takes it off the rewards drawn (so that Bernoulli
    ones are no longer 0 or 1) and off their means alike.
    """

    penalty: float

    def __post_init__(self) -> None:
        require(self.penalty > 0, "penalty: must be above 0", self.penalty)

    def path(self, base: np.ndarray, horizon: int, *, seeds: np.ndarray, prior: Prior) -> np.ndarray:
        """Mean rewards S x 1 x K before any reaction."""
        return base[:, None, :]

    def bounds(self, low: float, high: float, horizon: int) -> tuple[float, float]:
        """The least and the greatest reachable mean."""
        return low - self.penalty, high


Drift = Constant | Sine | Linear | RandomWalk | Abrupt | Alternating | Adaptive
DRIFTS: dict[str, type] = {
    "constant": Constant,
    "sine": Sine,
    "linear": Linear,
    "random_walk": RandomWalk,
    "abrupt": Abrupt,
    "alternating": Alternating,
    "adaptive": Adaptive,
}


def complaint(drift: Drift, prior: Prior) -> str | None:
    """Why the drift cannot move means of this prior, or None where it can."""
    low, high = prior.bounds
    match drift:
        case Abrupt() if not isinstance(prior, Uniform):
            return "abrupt draws each arm anew on its own, which only means of kind uniform allow"
        case RandomWalk() if not drift.low <= low <= high <= drift.high:
            return f"low..high must hold the means drawn, [{low}, {high}], not [{drift.low}, {drift.high}]"
    return None


def reacted(values: np.ndarray, last: np.ndarray, penalty: float, *, axis: int = -1) -> np.ndarray:
    """Rewards or their means, less ``penalty`` for the arm played last (-1: none).

    Arms stand along ``axis`` of ``values`` (E x K, or K x E with axis 0); ``last`` has the shape without it (E).
    """
    arms = np.arange(values.shape[axis])
    played = np.moveaxis(np.asarray(last)[..., None] == arms, -1, axis)
    return values - penalty * played


def _each(kind: Callable, seeds: np.ndarray, horizon: int, arms: int) -> np.ndarray:
    """Random numbers S x T x K, numbered step by step: T steps are a prefix of 2T."""
    return kind(seeds[:, None, None], np.arange(horizon * arms).reshape(horizon, arms))
