from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rmft.core.drifts import (
    DRIFTS,
    Abrupt,
    Adaptive,
    Alternating,
    Constant,
    Drift,
    Linear,
    RandomWalk,
    Sine,
    complaint,
    reacted,
)
from rmft.core.priors import Gap, Uniform
from rmft.core.regret import variation

PRIOR = Uniform(0.3, 0.7)
SEEDS = np.arange(300, dtype=np.uint64)
BASE = PRIOR.draw(4, seeds=SEEDS)
EXAMPLES: dict[str, Drift] = {
    "constant": Constant(),
    "sine": Sine(0.2, 7.5),
    "linear": Linear(0.004),
    "random_walk": RandomWalk(0.05, 0.2, 0.8),
    "abrupt": Abrupt(0.1),
    "alternating": Alternating(3),
    "adaptive": Adaptive(0.25),
}


def path(drift: Drift, horizon: int = 40) -> np.ndarray:
    return drift.path(BASE, horizon, seeds=SEEDS, prior=PRIOR)


def test_every_drift_has_an_example() -> None:
    assert {name: DRIFTS[name] for name in EXAMPLES} == DRIFTS
    assert all(type(drift) is DRIFTS[name] for name, drift in EXAMPLES.items())


@pytest.mark.parametrize("name", EXAMPLES)
def test_paths_begin_at_the_base_and_stay_within_bounds(name: str) -> None:
    drift, r = EXAMPLES[name], path(EXAMPLES[name])
    assert r.shape == (300, 1 if name in ("constant", "adaptive") else 40, 4)
    assert name == "sine" or (r[:, 0] == BASE).all()
    low, high = drift.bounds(*PRIOR.bounds, 40)
    assert low - 1e-12 <= r.min() <= r.max() <= high + 1e-12


@given(st.sampled_from(sorted(EXAMPLES)), st.integers(1, 30))
def test_a_longer_horizon_begins_with_the_shorter(name: str, horizon: int) -> None:
    assert (path(EXAMPLES[name], 2 * horizon)[:, :horizon] == path(EXAMPLES[name], horizon)).all()


@given(st.sampled_from(sorted(EXAMPLES)), st.permutations(range(300)))
def test_each_scenario_depends_on_its_own_seed_alone(name: str, order: list[int]) -> None:
    some = order[:20]
    part = EXAMPLES[name].path(BASE[some], 9, seeds=SEEDS[some], prior=PRIOR)
    assert (part == path(EXAMPLES[name], 9)[some]).all()


def test_sine_is_a_sine_with_a_phase_of_each_arm() -> None:
    """Sampled at quarters of the period, opposite points cancel and neighbours are at right angles."""
    wave = (Sine(0.2, 4.0).path(BASE, 8, seeds=SEEDS, prior=PRIOR) - BASE[:, None]) / 0.2
    assert np.allclose(wave[:, 0], -wave[:, 2])
    assert np.allclose(wave[:, :4], wave[:, 4:])
    assert np.allclose(wave[:, 0] ** 2 + wave[:, 1] ** 2, 1)
    phase = np.arctan2(wave[:, 0], wave[:, 1]) / (2 * np.pi) % 1
    assert stats.kstest(phase.ravel(), "uniform").pvalue > 0.01


def test_variation_of_a_sine() -> None:
    """|r_t - r_{t-1}| = 2A |sin(pi/p) cos(2 pi ((t - 1/2)/p + phase))|, the phase read off the first two points."""
    amplitude, period, r = 0.2, 7.5, path(EXAMPLES["sine"])
    first, second = ((r[:, t] - BASE) / amplitude for t in (0, 1))
    turn = 2 * np.pi / period
    angle = np.arctan2(first, (second - first * np.cos(turn)) / np.sin(turn))[:, None]
    middle = turn * (np.arange(1, 40)[:, None] - 0.5)
    moves = 2 * amplitude * np.abs(np.sin(np.pi / period) * np.cos(middle + angle))
    assert variation(r) == pytest.approx(moves.max(axis=2).sum(axis=1))


def test_linear_slopes_are_uniform_and_their_variation_known() -> None:
    r = path(EXAMPLES["linear"])
    slope = r[:, 1] - r[:, 0]
    assert r == pytest.approx(BASE[:, None] + slope[:, None] * np.arange(40)[:, None], abs=1e-12)
    assert stats.kstest(slope.ravel(), stats.uniform(-0.004, 0.008).cdf).pvalue > 0.01
    assert variation(r) == pytest.approx(39 * np.abs(slope).max(axis=1))


def test_random_walk_steps_are_normal_away_from_the_mirrors() -> None:
    free = RandomWalk(0.05, -1e3, 1e3).path(BASE, 40, seeds=SEEDS, prior=PRIOR)
    assert stats.kstest((np.diff(free, axis=1) / 0.05).ravel(), "norm").pvalue > 0.01
    walk = EXAMPLES["random_walk"]
    kept = path(walk)
    r = BASE
    for t in range(1, 40):
        r = walk.reflect(r + free[:, t] - free[:, t - 1])
        assert r == pytest.approx(kept[:, t], abs=1e-9)


def test_reflection_by_hand() -> None:
    walk = RandomWalk(0.1, 0.2, 0.8)
    assert walk.reflect(np.array([0.5, 0.9, 0.1, -0.5, 1.5, 0.2, 0.8])) == pytest.approx(
        [0.5, 0.7, 0.3, 0.7, 0.3, 0.2, 0.8]
    )


def test_random_walk_forgets_where_it_began() -> None:
    """The uniform distribution on [low, high] is the one that it keeps."""
    end = path(RandomWalk(0.3, 0.2, 0.8))[:, -1]
    assert stats.kstest(end.ravel(), stats.uniform(0.2, 0.6).cdf).pvalue > 0.01


def test_abrupt_jumps_as_often_as_its_hazard_to_the_prior() -> None:
    r = path(EXAMPLES["abrupt"])
    jumped = np.diff(r, axis=1) != 0
    assert abs(jumped.mean() - 0.1) < 4 * np.sqrt(0.1 * 0.9 / jumped.size)
    assert stats.kstest(r[:, 1:][jumped], stats.uniform(0.3, 0.4).cdf).pvalue > 0.01
    several = jumped.sum(axis=2)
    assert abs((several == 1).mean() - 4 * 0.1 * 0.9**3) < 4 * np.sqrt(0.25 / several.size)


def test_variation_of_jumps_is_their_sum() -> None:
    r = path(EXAMPLES["abrupt"])
    known = [sum(max(abs(b - a)) for a, b in pairwise(s)) for s in r]
    assert variation(r) == pytest.approx(known)
    assert variation(np.array([[[0.5, 0.1], [0.5, 0.1], [0.2, 0.4], [0.2, 0.9]]])) == pytest.approx([0.3 + 0.5])


def test_arms_exchange_their_means_in_turn() -> None:
    base = np.array([[0.1, 0.5, 0.9]])
    r = Alternating(2).path(base, 7, seeds=SEEDS[:1], prior=PRIOR)[0]
    assert r[[0, 2, 4, 6]].tolist() == [[0.1, 0.5, 0.9], [0.5, 0.9, 0.1], [0.9, 0.1, 0.5], [0.1, 0.5, 0.9]]
    assert (r[1::2] == r[:-1:2]).all()
    assert variation(r[None]) == pytest.approx([3 * 0.8])


def test_what_stands_still_has_no_variation() -> None:
    for name in ("constant", "adaptive"):
        assert (variation(path(EXAMPLES[name])) == 0).all()


def test_the_arm_played_last_pays_less() -> None:
    values, last = np.array([[0.5, 0.6, 0.7], [0.1, 0.2, 0.3]]), np.array([2, -1])
    known = [[0.5, 0.6, 0.45], [0.1, 0.2, 0.3]]
    assert reacted(values, last, 0.25) == pytest.approx(np.array(known))
    assert reacted(values.T, last, 0.25, axis=0) == pytest.approx(np.array(known).T)
    assert reacted(values[0], np.int64(2), 0.25) == pytest.approx(known[0])
    square = np.zeros((2, 2))
    assert reacted(square, np.array([1, 1]), 1.0).tolist() == [[0, -1], [0, -1]]
    assert reacted(square, np.array([1, 1]), 1.0, axis=0).tolist() == [[0, 0], [-1, -1]]


def test_drifts_that_cannot_move_a_prior() -> None:
    assert "uniform" in complaint(Abrupt(0.1), Gap(0.2))
    assert "low..high" in complaint(RandomWalk(0.1, 0.4, 0.8), PRIOR)
    assert all(complaint(drift, PRIOR) is None for drift in EXAMPLES.values())


@pytest.mark.parametrize(
    ("name", "settings", "named"),
    [
        ("sine", {"amplitude": 0, "period": 3}, "amplitude"),
        ("sine", {"amplitude": 0.1, "period": 0}, "period"),
        ("linear", {"slope": -1}, "slope"),
        ("random_walk", {"step": 0, "low": 0, "high": 1}, "step"),
        ("random_walk", {"step": 0.1, "low": 1, "high": 1}, "low"),
        ("abrupt", {"hazard": 0}, "hazard"),
        ("abrupt", {"hazard": 1.1}, "hazard"),
        ("alternating", {"period": 0}, "period"),
        ("adaptive", {"penalty": float("nan")}, "penalty"),
    ],
)
def test_impossible_drifts_are_refused_by_name(name: str, settings: dict, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: must"):
        DRIFTS[name](**settings)
