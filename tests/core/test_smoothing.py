from itertools import product

import numpy as np
import pytest
from scipy import stats

from rmft.core.drifts import Abrupt, Drift, RandomWalk
from rmft.core.priors import Uniform
from rmft.core.rewards import Bernoulli, Gaussian, Process
from rmft.core.smoothing import Chain, chain, smoothed

RNG = np.random.default_rng(0)


def symmetric(states: int) -> np.ndarray:
    """A symmetric matrix of transitions without any other structure."""
    swaps = [np.eye(states)[order] for order in (RNG.permutation(states) for _ in range(4))]
    return sum(weight * (swap + swap.T) / 2 for weight, swap in zip([0.4, 0.3, 0.2, 0.1], swaps, strict=True))


def enumerated(start: np.ndarray, matrix: np.ndarray, likelihood: np.ndarray) -> np.ndarray:
    """p(r_t | all), T x G, over all G^T paths."""
    steps, states = likelihood.shape
    known = np.zeros((steps, states))
    for path in product(range(states), repeat=steps):
        chance = start[path[0]] * likelihood[0, path[0]]
        for t in range(1, steps):
            chance *= matrix[path[t - 1], path[t]] * likelihood[t, path[t]]
        known[range(steps), path] += chance
    return known / known.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("trial", range(5))
def test_against_all_paths_on_a_tiny_grid(trial: int) -> None:
    start, matrix, likelihood = RNG.dirichlet(np.ones(4)), symmetric(4), RNG.uniform(size=(5, 2, 4))
    likelihood[2] = 1  # nothing seen
    links = Chain(np.linspace(0, 1, 4), start, lambda x: x @ matrix)
    ours = list(smoothed(links, lambda t: np.log(likelihood[t]), 5))[::-1]
    for arm in range(2):
        assert np.array(ours)[:, arm] == pytest.approx(enumerated(start, matrix, likelihood[:, arm]))


@pytest.mark.parametrize("process", [Gaussian(0.1), Bernoulli()])
@pytest.mark.parametrize("drift", [Abrupt(0.2), RandomWalk(0.02, 0.1, 0.9), RandomWalk(0.5, 0.1, 0.9)])
def test_the_chain_is_symmetric_and_conserves(drift: Drift, process: Process) -> None:
    links = chain(drift, Uniform(0.2, 0.6), process, 20)
    matrix = links.move(np.eye(len(links.grid)))
    assert matrix == pytest.approx(matrix.T)
    assert matrix.sum(axis=1) == pytest.approx(1)
    assert links.start.sum() == pytest.approx(1)
    assert (links.start * links.grid).sum() == pytest.approx(0.4)
    inside = links.start > 0
    assert 0.19 < links.grid[inside].min() < 0.21
    assert 0.59 < links.grid[inside].max() < 0.61


@pytest.mark.parametrize("step", [0.02, 0.05, 0.5, 3.0])
def test_the_reflected_step_is_the_walks_own(step: float) -> None:
    """Moments of one step of the chain, from the middle and from an end, against a fine sum over the walk's steps."""
    drift = RandomWalk(step, 0.1, 0.9)
    links = chain(drift, Uniform(0.1, 0.9), Gaussian(0.1), 20)
    landed, z = links.move(np.eye(len(links.grid))), stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    for at in (0, len(links.grid) // 2):
        known = drift.reflect(links.grid[at] + step * z)
        near = 2 * (links.grid[1] - links.grid[0]) ** 2  # of a cell's own width
        assert landed[at] @ links.grid == pytest.approx(known.mean(), abs=near)
        assert landed[at] @ links.grid**2 == pytest.approx((known**2).mean(), abs=near)


def test_an_abrupt_step_by_hand() -> None:
    links = chain(Abrupt(0.25), Uniform(0.0, 1.0), Bernoulli(), 5)
    states = len(links.grid)
    moved = links.move(np.eye(states)[0])
    assert moved[0] == pytest.approx(0.75 + 0.25 / states)
    assert moved[1:] == pytest.approx(0.25 / states)


@pytest.mark.parametrize("drift", [Abrupt(1e-6), RandomWalk(0.02, 0.1, 0.9)])
def test_a_reward_that_nothing_explains_is_survived(drift: Drift) -> None:
    """Rewards far off the grid, in turn on either side, with hardly any noise."""
    process, rewards = Gaussian(0.0), np.array([-9.0, 9.0, -9.0, 9.0])
    links = chain(drift, Uniform(0.1, 0.9), process, 4)
    masses = list(smoothed(links, lambda t: process.log_likelihood(1, rewards[t], links.grid), 4))
    assert np.isfinite(masses).all()
    assert np.sum(masses, axis=1) == pytest.approx(1)


def test_a_free_walk_is_the_kalman_smoother() -> None:
    """Away from the mirrors, with a wide prior: the textbook Gaussian smoother of a local level."""
    drift, process, rewards = RandomWalk(0.1, -6.0, 6.0), Gaussian(0.3), np.array([0.2, 0.5, 0.1, 0.4, -0.3])
    links = chain(drift, Uniform(-6.0, 6.0), process, 5)
    precision = np.eye(5) / 0.3**2
    for t in range(1, 5):
        precision[np.ix_([t - 1, t], [t - 1, t])] += np.array([[1, -1], [-1, 1]]) / 0.1**2
    known = np.linalg.solve(precision, rewards / 0.3**2)
    masses = np.array(list(smoothed(links, lambda t: process.log_likelihood(1, rewards[t], links.grid), 5))[::-1])
    assert masses @ links.grid == pytest.approx(known, abs=1e-6)
    spread = masses @ links.grid**2 - (masses @ links.grid) ** 2
    assert spread == pytest.approx(np.diag(np.linalg.inv(precision)), abs=1e-6)
