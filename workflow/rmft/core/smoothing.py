"""What is known of a mean that moves, step by step, once all is seen: forward-backward smoothing on a grid.

An arm's mean r_1, r_2, ... is a Markov chain on a grid of G means, its matrix P symmetric. With l_t(x) = p(what was seen
at t | r_t = x), 1 where nothing was,

    f_1 = start l_1,  f_{t+1} = (f_t P) l_{t+1}      (all up to t)
    b_T = 1,          b_t = P (l_{t+1} b_{t+1})      (all after t)
    p(r_t = x | all) is in proportion to f_t(x) b_t(x)

(Rabiner 1989, section III.A). Each f_t and b_t is scaled to a sum of 1, which changes nothing but the underflow.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from rmft.core.drifts import Abrupt, RandomWalk
from rmft.core.priors import Uniform
from rmft.core.rewards import Process


@dataclass(frozen=True)
class Chain:
    """grid: G means, evenly spaced. start: their prior probabilities, G. move: x -> x P along the last axis."""

    grid: np.ndarray
    start: np.ndarray
    move: Callable[[np.ndarray], np.ndarray]


def chain(drift: Abrupt | RandomWalk, prior: Uniform, process: Process, horizon: int) -> Chain:
    """The chain of an arm's mean. The grid is half as wide as the narrowest thing it must show, with 64 to 512 means."""
    if isinstance(drift, RandomWalk):
        mu = grid(drift.low, drift.high, min(drift.step, process.spread(1)))
        matrix = _reflected_step(mu, drift)
        return Chain(mu, _inside(mu, prior), lambda x: x @ matrix)
    mu, hazard = grid(prior.low, prior.high, process.spread(horizon)), drift.hazard
    return Chain(mu, _inside(mu, prior), lambda x: (1 - hazard) * x + hazard * x.mean(axis=-1, keepdims=True))


def grid(low: float, high: float, width: float) -> np.ndarray:
    """Means between low and high, evenly spaced, so that they and their mirror images at both ends are too."""
    points = int(np.clip(np.ceil(2 * (high - low) / width), 64, 512))
    return low + (high - low) * (np.arange(points) + 0.5) / points


def _inside(mu: np.ndarray, prior: Uniform) -> np.ndarray:
    """The prior's probabilities of the cells about the means ``mu``."""
    half = (mu[1] - mu[0]) / 2
    overlap = np.minimum(mu + half, prior.high) - np.maximum(mu - half, prior.low)
    return np.maximum(overlap, 0) / np.maximum(overlap, 0).sum()


def _reflected_step(mu: np.ndarray, drift: RandomWalk) -> np.ndarray:
    """P of the reflected Gaussian step, G x G: the density at all mirror images of where it lands."""
    width = drift.high - drift.low
    turns = 2 * width * np.arange(-1 - int(5 * drift.step / width), 2 + int(5 * drift.step / width))[:, None, None]
    ahead = np.concatenate([mu - mu[:, None] + turns, mu + mu[:, None] - 2 * drift.low + turns])
    density = np.exp(-0.5 * (ahead / drift.step) ** 2).sum(axis=0)
    return density / density.sum(axis=1, keepdims=True)


def smoothed(links: Chain, log_likelihoods: Callable[[int], np.ndarray], steps: int) -> Iterator[np.ndarray]:
    """p(r_t | all), ... x G, for t = T - 1 down to 0, from the function that gives log l_t (... x G) at each t."""
    forward, state = [], links.start
    for t in range(steps):
        forward.append(_normalised(state * _scaled(log_likelihoods(t))))
        state = links.move(forward[-1])
    after = np.ones_like(forward[-1])
    for t in reversed(range(steps)):
        yield _normalised(forward[t] * after)
        after = links.move(_normalised(after * _scaled(log_likelihoods(t))))


def _scaled(log_likelihood: np.ndarray) -> np.ndarray:
    """exp, with the largest at 1 and none at 0: a reward that no mean on the grid explains must not divide by 0."""
    return np.exp(np.maximum(log_likelihood - log_likelihood.max(axis=-1, keepdims=True), -200))


def _normalised(x: np.ndarray) -> np.ndarray:
    return x / x.sum(axis=-1, keepdims=True)
