"""Online learning: baselines that are shown the whole reward vector R_t (FOL). S = sum_{s<t} R_s is ``Seen.weighted``.

On a bandit S is the importance-weighted estimate, and none of these explores of its own accord: an arm that pi leaves
out is never shown again, so that EXP3 and not its kin Hedge has a bound there.
"""

from dataclasses import dataclass
from itertools import accumulate

import numpy as np

from rmft.core.seeding import fold, uniforms
from rmft.core.seen import Seen, largest, require, softmax


def simplex(points: np.ndarray) -> np.ndarray:
    """The nearest distribution to each point, by Euclidean distance, K x E (Duchi et al. 2008, figure 1).

    It is max(v - tau, 0). With u = v sorted downwards, tau = max_k (u_1 + .. + u_k - 1) / k: the quotient rises with k
    for as long as arm k belongs to the support, and falls from there on.
    """
    v = points - points.max(axis=0)  # the same for v + c; the sum over the support then keeps its digits
    totals = np.stack(list(accumulate(-np.sort(-v, axis=0))))
    return np.maximum(v - ((totals - 1) / np.arange(1, len(v) + 1)[:, None]).max(axis=0), 0)


@dataclass(frozen=True)
class Hedge:
    """pi = softmax(eta S): exponential weights, FTRL with entropy (Freund, Schapire 1997).

    With rewards in [0, 1] and eta = sqrt(8 ln K / T), Regret <= sqrt(T ln K / 2) (Cesa-Bianchi, Lugosi 2006, theorem 2.2).
    """

    eta: float

    def __post_init__(self) -> None:
        require(self.eta > 0, "eta: must be above 0", self.eta)

    @property
    def label(self) -> str:
        return f"Hedge (eta={self.eta:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        return softmax(self.eta * seen.weighted)


@dataclass(frozen=True)
class FtrlL2:
    """pi = the distribution nearest to 1/K + eta S: lazy FTRL, argmax_p <p, eta S> - ||p - 1/K||^2 / 2.

    Regret <= (1 - 1/K) / (2 eta) + (eta / 2) sum_t ||R_t||^2 (Orabona 2019, section 7).
    """

    eta: float

    def __post_init__(self) -> None:
        require(self.eta > 0, "eta: must be above 0", self.eta)

    @property
    def label(self) -> str:
        return f"FTRL-L2 (eta={self.eta:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        return simplex(1 / len(seen.weighted) + self.eta * seen.weighted)


@dataclass(frozen=True)
class Ftpl:
    """The largest S_a + scale x, with x ~ Exp(1) drawn afresh for each step and arm (Kalai, Vempala 2005).

    Exponential noise, as Gumbel's would give Hedge's distribution. pi is the arm that was picked, for certain: on a bandit
    S is then the plain sum of the rewards shown.
    """

    scale: float

    def __post_init__(self) -> None:
        require(self.scale > 0, "scale: must be above 0", self.scale)

    @property
    def label(self) -> str:
        return f"FTPL (scale={self.scale:g})"

    def __call__(self, seen: Seen) -> np.ndarray:
        arms = np.arange(len(seen.weighted))[:, None]
        noise = -np.log1p(-uniforms(fold(seen.seeds, seen.step), arms))
        return largest(seen.weighted + self.scale * noise)


@dataclass(frozen=True)
class FollowTheLeader:
    """The largest S_a. No regularisation: on alternating rewards its regret grows with T."""

    label = "follow the leader"

    def __call__(self, seen: Seen) -> np.ndarray:
        return largest(seen.weighted)
