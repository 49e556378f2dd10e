import numpy as np
import pytest
from scipy import stats

from rmft.core.draws import betas, gammas

SEEDS = np.arange(20_000, dtype=np.uint64)


@pytest.mark.parametrize("shape", [1, 1.5, 7, 90])
def test_gammas_have_their_law(shape: float) -> None:
    assert stats.kstest(gammas(SEEDS, np.full(len(SEEDS), shape)), stats.gamma(shape).cdf).pvalue > 0.01


@pytest.mark.parametrize(("a", "b"), [(1, 1), (1, 30), (4, 2), (60, 40)])
def test_betas_have_their_law(a: float, b: float) -> None:
    drawn = betas(SEEDS, np.full(len(SEEDS), a), np.full(len(SEEDS), b))
    assert stats.kstest(drawn, stats.beta(a, b).cdf).pvalue > 0.01


def test_each_number_depends_on_its_own_seed_alone() -> None:
    shape = 1.0 + np.arange(len(SEEDS)) % 9
    together = gammas(SEEDS, shape)
    pick = np.random.default_rng(0).permutation(len(SEEDS))[:777]
    assert (gammas(SEEDS[pick], shape[pick]) == together[pick]).all()
