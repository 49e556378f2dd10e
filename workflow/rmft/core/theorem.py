"""What a linear read-out learns from the best policy in hindsight: FTRL with a 1/sqrt(T) step (docs/theorem.md).

The paper's exact statement is not public; statement and derivation here are ours. R_t iid N(mu, Sigma), S_t = R_1 + .. +
R_t, pi* the best fixed policy in hindsight, a function of S_T alone: r S_T / ||S_T|| on the ball, one-hot argmax S_T on the
simplex.
The read-out c + V S_{t-1} that minimises sum_{t=1..T} E ||c + V S_{t-1} - pi*||^2 is found in three steps.

1. A regression, pooled over t:  V = [sum_t Cov(pi*, S_{t-1})] [pooled Cov(S)]^-1.
2. E[S_{t-1} | S_T] = (t-1)/T S_T, so Cov(pi*, S_{t-1}) = (t-1)/T Cov(pi*, S_T), and by Stein's lemma for m = E S_T = T mu

       Cov(pi*, S_T) = G T Sigma,   G = E[d pi* / d S] = d E[pi*] / d m.

3. sum_t Cov(S_{t-1}) = T (T-1)/2 Sigma, and the means (t-1) mu scatter by T (T^2-1)/12 mu mu' in all. Hence

       V = G Sigma [Sigma + (T+1)/6 mu mu']^-1,   c = E[pi*] - (T-1)/2 V mu;     for mu = 0:  V = G,  c = E[pi*].

``best`` holds E[pi*] and G: one integral on the ball for every Sigma, and on the simplex where Sigma is diagonal or that
plus a common shift; for other Sigma on the simplex a mean of such integrals, good to about 0.1%. Isotropic Sigma =
s^2 I gives V = eta I on the ball and eta (I - 11'/d) on the simplex, eta by ``step``.
"""

from dataclasses import dataclass
from math import erf, exp, lgamma, pi, sqrt
from statistics import NormalDist

import numpy as np

from rmft.core.online import simplex
from rmft.core.seen import require

SPACES = ("ball", "simplex")
COVARIANCES = ("isotropic", "graded", "correlated")
_ERF = np.vectorize(erf, otypes=[float])
_FACTOR_NODES = 2048
_PRIMES = np.array([2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53], float)


@dataclass(frozen=True)
class Law:
    """T rewards, iid N(mean, covariance): mean d, covariance d x d. Raises ValueError for what is no covariance."""

    mean: np.ndarray
    covariance: np.ndarray
    horizon: int

    def __post_init__(self) -> None:
        d, sigma = len(self.mean), self.covariance
        require(d >= 2, "mean: needs 2 arms or more", d)
        require(self.horizon >= 1, "horizon: must be 1 or more", self.horizon)
        require(
            sigma.shape == (d, d) and np.allclose(sigma, sigma.T), "covariance: must be symmetric, d x d", sigma.shape
        )
        least = float(np.linalg.eigvalsh(sigma).min())
        require(least > 1e-9 * np.trace(sigma), "covariance: must be positive definite; its least eigenvalue", least)


def standard(d: int, horizon: int) -> Law:
    """The law of standard normal rewards."""
    return Law(np.zeros(d), np.eye(d), horizon)


@dataclass(frozen=True)
class Readout:
    """pi_t = c + V S_{t-1}: c of length d, V d x d."""

    c: np.ndarray
    V: np.ndarray

    def __call__(self, sums: np.ndarray) -> np.ndarray:
        """Policies, ... x d, from S_{t-1}, ... x d. They are not projected, and may leave the space."""
        return self.c + sums @ self.V.T


def covariance(kind: str, d: int, s: float) -> np.ndarray:
    """Sigma of a law, d x d, its mean variance s^2: the same for all arms, rising evenly from s^2 / 2 to 3 s^2 / 2, or
    the same with correlation 1/2 between any two [ours]. Raises ValueError for another kind."""
    require(kind in COVARIANCES, f"covariance: must be one of {', '.join(COVARIANCES)}", kind)
    if kind == "graded":
        return s**2 * np.diag(np.linspace(0.5, 1.5, d))
    return s**2 * (np.eye(d) if kind == "isotropic" else (np.eye(d) + 1) / 2)


def mu(d: int) -> float:
    """E ||Z|| of a standard normal Z in d dimensions: sqrt(2) Gamma((d+1)/2) / Gamma(d/2)."""
    return sqrt(2) * exp(lgamma((d + 1) / 2) - lgamma(d / 2))


def largest_of(d: int) -> float:
    """m_d, the mean of the largest of d standard normals: the integral of x d phi(x) Phi(x)^(d-1)."""
    x = np.linspace(-10, 12, 4001)
    return float(np.sum(x * d * _density(x) * _below(x) ** (d - 1)) * (x[1] - x[0]))


def step(space: str, d: int, horizon: int, s: float, radius: float = 1.0) -> float:
    """eta of isotropic rewards of standard deviation s: r mu_d / (s d sqrt(T)) on the ball, m_d / (s (d-1) sqrt(T)) on the
    simplex. Raises ValueError for another space."""
    _check(space)
    return (radius * mu(d) / d if space == "ball" else largest_of(d) / (d - 1)) / (s * sqrt(horizon))


def form(space: str, d: int) -> np.ndarray:
    """What V is a multiple of where rewards are isotropic, d x d: I on the ball, I - 11'/d on the simplex."""
    _check(space)
    return np.eye(d) - (space == "simplex") / d


def readout(space: str, law: Law, radius: float = 1.0) -> Readout:
    """The closed form of the module's docstring. Raises ValueError for another space."""
    T, mean, sigma = law.horizon, law.mean, law.covariance
    expected, G = best(space, (T * mean)[None], T * sigma, radius)
    V = np.linalg.solve(sigma + (T + 1) / 6 * np.outer(mean, mean), sigma @ G[0].T).T
    return Readout(expected[0] - (T - 1) / 2 * V @ mean, V)


def best(space: str, m: np.ndarray, covariance: np.ndarray, radius: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """E[pi*(X)], B x d, and G = dE[pi*(X)]/dm, B x d x d, for X ~ N(m, covariance), m: B x d. Raises ValueError for another
    space."""
    _check(space)
    return _best_on_the_ball(m, covariance, radius) if space == "ball" else _best_on_the_simplex(m, covariance)


def foresight(space: str, sums: np.ndarray, left: int, covariance: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """E[pi* | S_{t-1}], B x d, with ``left`` = T - t + 1 rewards of mean 0 to come: what no model on this loss can beat.

    It is the leader perturbed by the noise of what is left: FTPL with a Gaussian whose variance falls to the end.
    """
    return best(space, sums, left * covariance, radius)[0]


def project(space: str, points: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """The nearest policy to each point, ... x d. Raises ValueError for another space."""
    _check(space)
    if space == "simplex":
        return simplex(points.reshape(-1, points.shape[-1]).T).T.reshape(points.shape)
    return points * (radius / np.maximum(np.linalg.norm(points, axis=-1, keepdims=True), radius))


def lazy_ftrl(space: str, sums: np.ndarray, eta: float, radius: float = 1.0) -> np.ndarray:
    """argmax_p <p, eta S> - ||p - p_0||^2 / 2 for S = S_{t-1}, ... x d; p_0 is the middle of the space, 0 or 1/d.

    It is the projection of p_0 + eta S, and so of the isotropic ``readout``: on the simplex a shift of all arms changes no
    projection, so that eta S and eta (I - 11'/d) S give the same. On the simplex this is ``online.FtrlL2``.
    """
    return project(space, (space == "simplex") / sums.shape[-1] + eta * sums, radius)


def hindsight(space: str, total: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """pi*, ... x d, from S_T, ... x d. Raises ValueError for another space."""
    _check(space)
    if space == "simplex":
        return np.eye(total.shape[-1])[total.argmax(axis=-1)]
    return radius * total / np.linalg.norm(total, axis=-1, keepdims=True)


def regret(space: str, rewards: np.ndarray, policies: np.ndarray, radius: float = 1.0) -> np.ndarray:
    """max_pi sum_t <pi, R_t> - sum_t <pi_t, R_t> of each episode, B, from rewards and policies, B x T x d."""
    total = rewards.sum(axis=1)
    return (hindsight(space, total, radius) * total).sum(axis=-1) - (policies * rewards).sum(axis=(1, 2))


def _check(space: str) -> None:
    require(space in SPACES, f"space: must be one of {', '.join(SPACES)}", space)


def _density(x: np.ndarray) -> np.ndarray:
    return np.exp(-(x**2) / 2) / sqrt(2 * pi)


def _below(x: np.ndarray) -> np.ndarray:
    return (1 + _ERF(x / sqrt(2))) / 2


def _best_on_the_ball(m: np.ndarray, covariance: np.ndarray, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """1/||x|| = 2/sqrt(pi) int_0^inf exp(-u^2 ||x||^2) du makes all expectations Gaussian. In the eigenvectors of the
    covariance (eigenvalues l_i), with w_i = 1 / (1 + 2 u^2 l_i) and F = prod sqrt(w_i) exp(-u^2 w_i m_i^2):

        E[pi*]_i = r 2/sqrt(pi) int F w_i m_i du,    G_ij = r 2/sqrt(pi) int F (w_i [i = j] - 2 u^2 w_i m_i w_j m_j) du.
    """
    variances, Q = np.linalg.eigh(covariance)
    angle = (np.arange(800) + 0.5) * (pi / 1600)  # u = tan(angle) / scale; the midpoint rule on a smooth function
    scale = sqrt(2 * np.exp(np.log(variances).mean()))
    u = np.tan(angle) / scale
    du = (pi / 1600) / (scale * np.cos(angle) ** 2)
    m, w = m @ Q, 1 / (1 + 2 * u[:, None] ** 2 * variances)
    F = np.prod(np.sqrt(w), axis=1) * np.exp(-(u**2) * (m[:, None] ** 2 @ w.T)[:, 0])
    weight = radius * 2 / sqrt(pi) * F * du
    expected = (weight @ w) * m
    mixed = -2 * np.einsum("bn,ni,nj->bij", weight * u**2, w, w) * m[:, :, None] * m[:, None]
    G = mixed + (weight @ w)[:, :, None] * np.eye(len(variances))
    return expected @ Q.T, Q @ G @ Q.T


def _best_on_the_simplex(m: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sigma = D + BB' with D diagonal and as large as can be; given f ~ N(0, I), arms are independent about m + B f.

    The mean over f is over a lattice (of one point where B moves all arms alike, which no argmax sees). E[pi*] is the
    chance of each arm to be the largest.
    """
    sd = np.sqrt(np.diag(covariance))
    alone = max(float(np.linalg.eigvalsh(covariance / np.outer(sd, sd)).min()), 1e-6)
    variances, Q = np.linalg.eigh(covariance - alone * np.diag(sd**2))
    B = Q * np.sqrt(np.maximum(variances, 0))
    B = B - B.mean(axis=0)
    B = B[:, np.abs(B).max(axis=0) > 1e-6 * sd.max()]
    shifts = _normals(B.shape[1]) @ B.T
    p, G = _independent((m[:, None] + shifts).reshape(-1, len(sd)), sqrt(alone) * sd)
    return tuple(found.reshape(len(m), len(shifts), *found.shape[1:]).mean(axis=1) for found in (p, G))


def _normals(q: int) -> np.ndarray:
    """A lattice of Gaussian points and their mirror images, N x q (Richtmyer's: multiples of roots of primes); for q = 0 one
    empty point."""
    if q == 0:
        return np.zeros((1, 0))
    u = np.outer(np.arange(1, _FACTOR_NODES + 1), np.sqrt(_PRIMES[:q])) % 1
    points = np.vectorize(NormalDist().inv_cdf, otypes=[float])(u)
    return np.concatenate([points, -points])


def _independent(m: np.ndarray, sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Independent arms N(m_i, sd_i^2): p_i = int phi_i prod_{k != i} Phi_k, G_ij = -int phi_i phi_j prod_{k != i, j} Phi_k
    for i != j, and rows of G that sum to 0. m: B x d, sd: d; returns B x d, B x d x d."""
    d = len(sd)
    low, high = m.max(axis=1) - 9 * sd.max(), m.max(axis=1) + 9 * sd.max()
    nodes = int(np.ceil(float((high - low).max()) / sd.min() * 3))
    x = low[:, None] + (high - low)[:, None] * (np.arange(nodes) / (nodes - 1))
    z = (x[:, :, None] - m[:, None]) / sd
    phi, Phi = _density(z) / sd, np.maximum(_below(z), 1e-300)
    odds, everyone = phi / Phi, np.prod(Phi, axis=2) * ((high - low) / (nodes - 1))[:, None]
    p = np.einsum("bn,bni->bi", everyone, odds)
    G = -np.einsum("bn,bni,bnj->bij", everyone, odds, odds)
    G[:, range(d), range(d)] = 0
    G[:, range(d), range(d)] = -G.sum(axis=2)
    return p, G
