"""How a claim is decided: an effect with its interval against a threshold, a p-value, and Holm's correction of it.

A claim is tested at a threshold, the smallest effect that counts, and not at none. It takes the trained policies as they
are: a scenario is one draw, and the seeds that played it are averaged in it. That other seeds would do the same is not
claimed; the interval, in which whole seeds are drawn again, says how much they differ.
"""

import math
from dataclasses import dataclass

import numpy as np

from rmft.core.statistics import resampled, student_below

LEVEL = 0.05
REPRODUCED, NOT_REPRODUCED, NOT_RUN = "reproduced", "not reproduced", "not run"


@dataclass(frozen=True)
class Found:
    """What one test of a claim found: an effect, its 95% interval, and the one-sided p that it is not beyond ``threshold``.

    direction: on which side of the threshold the claim says that it is, below or above. test: in words.
    """

    name: str
    effect: float
    low: float
    high: float
    p: float
    direction: str
    threshold: float
    episodes: int
    seeds: int
    test: str

    @property
    def beyond(self) -> bool:
        """Whether the whole interval is where the claim says."""
        return self.high < self.threshold if self.direction == "below" else self.low > self.threshold

    @property
    def against(self) -> bool:
        """Whether the whole interval is on the other side."""
        return self.low > self.threshold if self.direction == "below" else self.high < self.threshold


def contrast(
    groups: list[np.ndarray], statistic: str, direction: str, threshold: float, *, rng: np.random.Generator
) -> np.ndarray:
    """R x (effect, low, high, p) of R comparisons of pairs, of an E x 2R array per seed: R columns, then R to compare with.

    statistic: "ratio" of the means or "difference" of them. Interval: hierarchical paired bootstrap. p: one-sided paired t
    test on a - threshold b or a - b - threshold, row by row averaged over seeds, which must have played the same rows.
    Raises ValueError where they have not, or for E < 2.
    """
    if len({values.shape for values in groups}) != 1:
        raise ValueError(f"seeds: each must have the same episodes, not {[len(values) for values in groups]}")
    pooled, half = np.mean(groups, axis=0), groups[0].shape[1] // 2
    drawn, means = resampled(groups, rng=rng), pooled.mean(axis=0)
    if statistic == "ratio":
        effects, effect = quotient(drawn[:, :half], drawn[:, half:]), quotient(means[:half], means[half:])
        gap = pooled[:, :half] - threshold * pooled[:, half:]
    else:
        effects, effect = drawn[:, :half] - drawn[:, half:], means[:half] - means[half:]
        gap = pooled[:, :half] - pooled[:, half:] - threshold
    with np.errstate(invalid="ignore"):
        low, high = np.quantile(effects, [0.025, 0.975], axis=0)
    low, high = np.nan_to_num(low, nan=-np.inf, posinf=np.inf), np.nan_to_num(high, nan=np.inf, posinf=np.inf)
    p = student_below(gap if direction == "below" else -gap, 0.0)
    return np.stack([effect, np.minimum(low, effect), np.maximum(high, effect), p], axis=1)


def quotient(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Ratios of means; infinite where there is nothing to compare with, which reproduces nothing that should fall."""
    return np.divide(above, below, out=np.full(np.shape(above), np.inf), where=below > 0)


def normal_p(effect: float, low: float, high: float, direction: str, threshold: float) -> float:
    """One-sided p of an effect with a 95% interval of a table, as if it were normal about it."""
    gap, error = (effect - threshold) * (1 if direction == "below" else -1), (high - low) / 3.92
    if error <= 0:
        return float(gap >= 0)
    return 0.5 * math.erfc(-gap / error / math.sqrt(2))


def share_p(kept: int, runs: int, share: float = 0.9) -> float:
    """P[Binomial(runs, share) >= kept]: one-sided p that more than this share of runs keeps a bound."""
    return sum(math.comb(runs, j) * share**j * (1 - share) ** (runs - j) for j in range(kept, runs + 1))


def holm(ps: list[float]) -> list[float]:
    """p-values corrected for their number (Holm 1979), in their order."""
    corrected, largest = [1.0] * len(ps), 0.0
    for rank, i in enumerate(sorted(range(len(ps)), key=ps.__getitem__)):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[i]))
        corrected[i] = largest
    return corrected


def weakest(parts: list[Found]) -> Found:
    """The part on which a claim that all of them hold is decided: one that is not beyond its threshold, of the largest p."""
    return max(parts, key=lambda part: (not part.beyond, part.p))


def joint_p(parts: list[Found]) -> float:
    """p that all parts hold: the largest (intersection-union test), which needs no correction for their number."""
    return max(part.p for part in parts)


def decide(parts: list[Found], corrected: float) -> tuple[str, str]:
    """(verdict, why): reproduced where every interval lies beyond its threshold and the corrected p is at most 5%."""
    part = weakest(parts)
    if part.beyond and corrected <= LEVEL:
        return REPRODUCED, "every interval lies beyond its threshold"
    if part.against:
        return NOT_REPRODUCED, f"{part.name}: the interval lies on the other side of the threshold"
    if not part.beyond:
        return NOT_REPRODUCED, f"{part.name}: the interval does not clear the threshold"
    return NOT_REPRODUCED, "p corrected for the number of claims is above 5%"
