"""Gamma and beta numbers from streams of seeds, vectorised: each depends on its own seed alone, not on its batch."""

import numpy as np

from rmft.core.seeding import fold, normals, uniforms


def gammas(seeds: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Gamma(shape, 1) numbers, shape >= 1, one for each seed (Marsaglia and Tsang 2000, with their squeeze)."""
    d = np.broadcast_to(shape, seeds.shape).ravel() - 1 / 3
    seeds, out, left, trial = seeds.ravel(), np.empty(seeds.size), np.arange(seeds.size), 0
    while left.size:
        stream, scale = fold(seeds[left], trial), d[left]
        x = normals(stream, 0)
        v = (1 + x / np.sqrt(9 * scale)) ** 3
        u, positive = uniforms(stream, 2), v > 0
        accepted = positive & (u > 0.0331 * x**4)
        doubt = np.flatnonzero(positive & ~accepted)
        bound = x[doubt] ** 2 / 2 + scale[doubt] * (1 - v[doubt] + np.log(v[doubt]))
        accepted[doubt] = np.log1p(-u[doubt]) < bound
        out[left[accepted]] = (scale * v)[accepted]
        left, trial = left[~accepted], trial + 1
    return out


def betas(seeds: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Beta(a, b) numbers, a and b >= 1, one for each seed: Gamma(a) / (Gamma(a) + Gamma(b))."""
    first = gammas(fold(seeds, 0), a).reshape(seeds.shape)
    return first / (first + gammas(fold(seeds, 1), b).reshape(seeds.shape))
