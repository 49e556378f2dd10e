from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from rmft.core.rewards import Bernoulli, Gaussian, Process

SEEDS = np.arange(2_000, dtype=np.uint64)
MEANS = np.broadcast_to([0.2, 0.7], (len(SEEDS), 5, 2))


def test_gaussian_rewards_scatter_by_the_noise() -> None:
    z = (Gaussian(0.1).draw(MEANS, seeds=SEEDS) - MEANS) / 0.1
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01


def test_no_noise_shows_the_mean() -> None:
    assert (Gaussian(0.0).draw(MEANS, seeds=SEEDS) == MEANS).all()


def test_bernoulli_rewards_have_their_means() -> None:
    drawn = Bernoulli().draw(MEANS, seeds=SEEDS)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    assert np.abs(drawn.mean(axis=(0, 1)) - [0.2, 0.7]).max() < 4 * 0.5 / np.sqrt(drawn[..., 0].size)


@pytest.mark.parametrize(
    ("process", "log_density"),
    [
        (Gaussian(0.3), lambda r, mu: stats.norm(mu, 0.3).logpdf(r).sum()),
        (Bernoulli(), lambda r, mu: stats.bernoulli(mu).logpmf(r).sum()),
    ],
)
def test_count_and_sum_suffice_for_the_likelihood(process: Process, log_density: Callable) -> None:
    r = process.draw(np.full((1, 12, 1), 0.6), seeds=SEEDS[:1]).ravel()
    ours = [process.log_likelihood(len(r), r.sum(), np.float64(mu)) for mu in (0.2, 0.5, 0.8)]
    assert np.allclose(np.diff(ours), np.diff([log_density(r, mu) for mu in (0.2, 0.5, 0.8)]))


def test_negative_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="noise"):
        Gaussian(-0.1)
