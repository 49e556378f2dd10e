"""Randomness as an argument: every stream is named by what it is for, never by when it is drawn."""

import hashlib
import json

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def derive(*parts: str | int) -> int:
    """A 63-bit seed from the names of a stream: the same parts give the same seed on every machine.

    Parts are strings and integers, e.g. ``derive("rewards", seed, task, scenario, episode)``.
    """
    name = json.dumps(parts, separators=(",", ":"))
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 1


def generator(*parts: str | int) -> np.random.Generator:
    """A numpy generator on the stream that the parts name."""
    return np.random.Generator(np.random.Philox(key=derive(*parts)))


def _mix(x: np.ndarray) -> np.ndarray:
    """The finaliser of splitmix64 (Steele, Lea, Flood 2014), element by element."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def fold(seeds: np.ndarray | int, number: np.ndarray | int) -> np.ndarray:
    """One child seed for each seed (uint64) and number >= 0, broadcast: an episode's seed folded with its step, say."""
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is meant
        numbered = _GOLDEN * (np.asarray(number).astype(np.uint64) + np.uint64(1))
        return _mix(_mix(np.asarray(seeds, np.uint64)) + numbered)


def uniforms(seeds: np.ndarray | int, draw: np.ndarray | int) -> np.ndarray:
    """The draw-th uniform number in [0, 1) of each seed's stream: float64, seeds and draws broadcast.

    Each entry depends on its own seed alone, so order and batch size change nothing.
    """
    return (fold(seeds, draw) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normals(seeds: np.ndarray | int, draw: np.ndarray | int) -> np.ndarray:
    """The draw-th standard normal number of each seed's stream (Box and Muller 1958), broadcast like ``uniforms``."""
    first = 2 * np.asarray(draw)
    return np.sqrt(-2 * np.log1p(-uniforms(seeds, first))) * np.cos(2 * np.pi * uniforms(seeds, first + 1))
