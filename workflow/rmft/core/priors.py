"""Priors of arm means: how a scenario's hidden mean rewards are drawn."""

from dataclasses import dataclass

import numpy as np

from rmft.core.seeding import uniforms


@dataclass(frozen=True)
class Uniform:
    """Each arm's mean is U(low, high), independently."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise ValueError(f"low: must lie below high, not {self.low} >= {self.high}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest mean that can be drawn."""
        return self.low, self.high

    def draw(self, arms: int, *, seeds: np.ndarray) -> np.ndarray:
        """Mean rewards S x K of the S scenarios whose streams are ``seeds``."""
        return self.low + (self.high - self.low) * uniforms(seeds[:, None], np.arange(arms))


@dataclass(frozen=True)
class Gap:
    """One arm, drawn uniformly, has mean centre + gap/2; the others centre - gap/2 (arXiv 2403.15371, section 2)."""

    gap: float
    centre: float = 0.5

    def __post_init__(self) -> None:
        if not self.gap > 0:
            raise ValueError(f"gap: must be above 0, not {self.gap}")

    @property
    def bounds(self) -> tuple[float, float]:
        """The means of the other arms and of the best one."""
        return self.centre - self.gap / 2, self.centre + self.gap / 2

    def draw(self, arms: int, *, seeds: np.ndarray) -> np.ndarray:
        """Mean rewards S x K of the S scenarios whose streams are ``seeds``."""
        low, high = self.bounds
        best = (uniforms(seeds, 0) * arms).astype(np.int64)
        return np.where(np.arange(arms) == best[:, None], high, low)


Prior = Uniform | Gap
PRIORS: dict[str, type] = {"uniform": Uniform, "gap": Gap}
