import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from rmft.core.growth import exponents, growth_exponent, influences, trend_p_value
from rmft.core.seeding import generator

STEPS = np.arange(1, 61)
CURVES = {
    "root": np.sqrt(STEPS),
    "linear": 2.0 * STEPS,
    "logarithm": np.log(STEPS),  # 0 at the first step: the floor
    "noise": np.cumsum(generator("noise").normal(0.1, 1, 60)),  # below 0 at times
}


@pytest.mark.parametrize("name", CURVES)
def test_growth_of_known_curves_is_scipys(name: str) -> None:
    curve = CURVES[name]
    floored = np.array([np.log(r) if r > 0 else -10 for r in curve])
    reference = stats.linregress(np.log(STEPS), floored)
    beta, p = growth_exponent(curve)
    assert beta == pytest.approx(reference.slope) and p == pytest.approx(reference.pvalue, rel=1e-6, abs=1e-15)
    assert exponents(np.stack([curve, 2 * curve]))[0] == pytest.approx(beta)
    rate = curve / STEPS
    falls = int((rate[:-1] > rate[1:]).sum())
    assert trend_p_value(curve) == pytest.approx(stats.binomtest(falls, 59, alternative="greater").pvalue)


def test_a_root_grows_by_a_half_and_a_line_by_one() -> None:
    assert growth_exponent(CURVES["root"])[0] == pytest.approx(0.5)
    assert growth_exponent(CURVES["linear"])[0] == pytest.approx(1.0)


def test_influences_are_the_derivative_of_beta() -> None:
    """Weighing an episode a little more moves beta by its influence."""
    curves = generator("curves").exponential(size=(40, 12)).cumsum(axis=1)
    for i, influence in enumerate(influences(curves)):
        weights = np.ones(40)
        weights[i] += 1e-5
        moved = exponents(np.average(curves, axis=0, weights=weights)) - exponents(curves.mean(axis=0))
        assert moved == pytest.approx(influence * 1e-5 / 40, rel=1e-3, abs=1e-12)


@given(arrays(np.float64, (6, 9), elements=st.floats(-1, 5)))
def test_influences_sum_to_nothing(curves: np.ndarray) -> None:
    found = influences(curves)
    assert np.isfinite(found).all()
    assert found.sum() == pytest.approx(0, abs=1e-6 * (1 + np.abs(found).max()))


@pytest.mark.parametrize("beta", [0.3, 0.5, 1.0])
def test_growth_exponent_of_a_power(beta: float) -> None:
    found, p = growth_exponent(3 * np.arange(1, 51) ** beta)
    assert found == pytest.approx(beta)
    assert p < 1e-12


def test_growth_exponent_is_the_textbook_regression() -> None:
    curve = np.cumsum(np.random.default_rng(0).exponential(size=40))
    reference = stats.linregress(np.log(np.arange(1, 41)), np.log(curve))
    assert growth_exponent(curve) == pytest.approx((reference.slope, reference.pvalue), rel=1e-9)


def test_growth_exponent_floors_regret_at_zero() -> None:
    curve = np.array([0.0, 0.0, 1.0, 2.0, 4.0])
    reference = stats.linregress(np.log(np.arange(1, 6)), [-10, -10, 0, np.log(2), np.log(4)])
    assert growth_exponent(curve) == pytest.approx((reference.slope, reference.pvalue))


def test_growth_exponent_of_constants_and_of_too_little() -> None:
    assert growth_exponent(np.full(10, 2.0)) == (0.0, 1.0)
    with pytest.raises(ValueError, match="3 steps"):
        growth_exponent(np.ones(2))


def test_trend_p_value() -> None:
    assert trend_p_value(np.sqrt(np.arange(1, 26))) == 0.5**24
    assert trend_p_value(np.arange(1, 26) ** 2.0) == 1.0
    falls = np.array([1.0, 0.9, 0.95, 0.8, 0.7]) * np.arange(1, 6)
    assert trend_p_value(falls) == pytest.approx(stats.binom.sf(2, 4, 0.5))
