"""Gamma and beta numbers from streams of seeds, vectorised: each depends on its own seed alone, not on its batch."""

import numpy as np

from rmft.core.seeding import fold, normals, uniforms


def gammas(seeds: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Gamma(shape, 1) numbers, shape >= 1, one for each seed (Marsaglia and Tsang 2000)."""
    d = np.broadcast_to(shape, seeds.shape).ravel() - 1 / 3
    seeds, out, left, trial = seeds.ravel(), np.empty(seeds.size), np.arange(seeds.size), 0
    while left.size:
        stream, scale = fold(seeds[left], trial), d[left]
        x = normals(stream, 0)
        v = (1 + x / np.sqrt(9 * scale)) ** 3
        positive = np.maximum(v, 1e-300)
        accepted = (v > 0) & (np.log1p(-uniforms(stream, 2)) < x**2 / 2 + scale * (1 - v + np.log(positive)))
        out[left[accepted]] = (scale * v)[accepted]
        left, trial = left[~accepted], trial + 1
    return out


def betas(seeds: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Beta(a, b) numbers, a and b >= 1, one for each seed: Gamma(a) / (Gamma(a) + Gamma(b))."""
    first = gammas(fold(seeds, 0), a).reshape(seeds.shape)
    return first / (first + gammas(fold(seeds, 1), b).reshape(seeds.shape))
