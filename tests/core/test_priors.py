from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from rmft.core.priors import Gap, Uniform

SEEDS = np.arange(10_000, dtype=np.uint64)


def test_uniform_means_are_uniform() -> None:
    means = Uniform(0.1, 0.9).draw(3, seeds=SEEDS)
    assert means.shape == (len(SEEDS), 3)
    assert stats.kstest(means.ravel(), stats.uniform(0.1, 0.8).cdf).pvalue > 0.01


def test_gap_has_one_best_arm_anywhere() -> None:
    means = Gap(0.2).draw(5, seeds=SEEDS)
    assert np.allclose(np.sort(means, axis=1), [0.4, 0.4, 0.4, 0.4, 0.6])
    assert stats.chisquare(np.bincount(means.argmax(axis=1))).pvalue > 0.01


@pytest.mark.parametrize("make", [lambda: Uniform(0.5, 0.5), lambda: Uniform(0.9, 0.1), lambda: Gap(0.0)])
def test_impossible_priors_are_refused(make: Callable) -> None:
    with pytest.raises(ValueError, match="must"):
        make()
