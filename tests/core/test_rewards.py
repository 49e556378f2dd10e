from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from rmft.core.rewards import PROCESSES, Bernoulli, Cauchy, Gaussian, Mixture, Pareto, Process, Uniform, has_posterior

SEEDS = np.arange(2_000, dtype=np.uint64)
MEANS = np.broadcast_to([0.2, 0.7], (len(SEEDS), 5, 2))


def test_gaussian_rewards_scatter_by_the_noise() -> None:
    z = (Gaussian(0.1).draw(MEANS, seeds=SEEDS) - MEANS) / 0.1
    assert stats.kstest(z.ravel(), "norm").pvalue > 0.01


EXAMPLES: dict[str, Process] = {
    "gaussian": Gaussian(0.1),
    "bernoulli": Bernoulli(),
    "uniform": Uniform(0.3),
    "cauchy": Cauchy(0.05, (-1.0, 2.0)),
    "pareto": Pareto(3.5, 0.2),
    "mixture": Mixture((-0.3, 0.0, 0.5), (0.5, 0.3, 0.2), 0.05),
}


def test_every_process_has_an_example() -> None:
    assert {name: type(process) for name, process in EXAMPLES.items()} == PROCESSES


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "cauchy"])
def test_rewards_have_their_means(name: str) -> None:
    """Within four standard errors, the error of the sample itself."""
    assert EXAMPLES[name].centre == "mean"
    drawn = EXAMPLES[name].draw(MEANS, seeds=SEEDS).reshape(-1, 2)
    error = drawn.std(axis=0) / np.sqrt(len(drawn))
    assert (np.abs(drawn.mean(axis=0) - [0.2, 0.7]) < 4 * error).all()


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_longer_horizon_begins_with_the_shorter(name: str) -> None:
    means = np.random.default_rng(0).uniform(0.1, 0.9, (50, 12, 3))
    long, short = (EXAMPLES[name].draw(m, seeds=SEEDS[:50]) for m in (means, means[:, :6]))
    assert (long[:, :6] == short).all()
    assert (EXAMPLES[name].draw(means[7:9], seeds=SEEDS[7:9]) == long[7:9]).all()


def test_uniform_rewards_are_uniform() -> None:
    z = (Uniform(0.3).draw(MEANS, seeds=SEEDS) - MEANS) / 0.3
    assert stats.kstest(z.ravel(), stats.uniform(-1, 2).cdf).pvalue > 0.01


def test_cauchy_rewards_are_cauchy_about_their_location_and_clipped() -> None:
    process = Cauchy(0.05, (-1e9, 1e9))
    assert process.centre == "location"
    z = (process.draw(MEANS, seeds=SEEDS) - MEANS) / 0.05
    assert stats.kstest(z.ravel(), "cauchy").pvalue > 0.01
    # the median has the standard error pi/2 x scale / sqrt(n)
    assert (np.abs(np.median(z.reshape(-1, 2), axis=0)) < 4 * np.pi / 2 / np.sqrt(10_000)).all()
    clipped = Cauchy(0.05, (0.0, 0.8)).draw(MEANS, seeds=SEEDS)
    assert clipped == pytest.approx(np.clip(MEANS + 0.05 * z, 0, 0.8))
    assert [clipped.min(), clipped.max()] == [0.0, 0.8]


def test_pareto_rewards_are_pareto() -> None:
    z = (Pareto(1.5, 0.2).draw(MEANS, seeds=SEEDS) - MEANS) / 0.2 + 3
    assert stats.kstest(z.ravel(), stats.pareto(1.5).cdf).pvalue > 0.01
    clipped = Pareto(1.5, 0.2, (-0.3, 1.0))
    assert clipped.centre == "location"
    assert clipped.draw(MEANS, seeds=SEEDS) == pytest.approx(np.clip(MEANS + 0.2 * (z - 3), -0.3, 1))


def test_mixture_rewards_come_in_modes() -> None:
    z = Mixture((-0.3, 0.0, 0.5), (0.5, 0.3, 0.2), 0.0).draw(MEANS, seeds=SEEDS) - MEANS
    modes, counts = np.unique(np.round(z, 9), return_counts=True)
    assert modes == pytest.approx([-0.25, 0.05, 0.55])
    assert stats.chisquare(counts, z.size * np.array([0.5, 0.3, 0.2])).pvalue > 0.01
    noise = EXAMPLES["mixture"].draw(MEANS, seeds=SEEDS) - MEANS - z
    assert stats.kstest((noise / 0.05).ravel(), "norm").pvalue > 0.01
    assert abs(np.corrcoef(noise.ravel(), z.ravel())[0, 1]) < 4 / np.sqrt(z.size)


def test_two_processes_have_a_posterior() -> None:
    assert [name for name, process in EXAMPLES.items() if has_posterior(process)] == ["gaussian", "bernoulli"]


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


@pytest.mark.parametrize(
    ("kind", "settings", "named"),
    [
        (Gaussian, {"noise": -0.1}, "noise"),
        (Uniform, {"width": -0.1}, "width"),
        (Cauchy, {"scale": 0.0, "clip": (0, 1)}, "scale"),
        (Cauchy, {"scale": 0.1, "clip": (1, 1)}, "clip"),
        (Cauchy, {"scale": 0.1, "clip": (1,)}, "clip"),
        (Pareto, {"shape": 1.0, "scale": 0.1}, "shape"),
        (Pareto, {"shape": 2.0, "scale": 0.0}, "scale"),
        (Pareto, {"shape": 2.0, "scale": 0.1, "clip": (2, 1)}, "clip"),
        (Mixture, {"offsets": (), "weights": (), "noise": 0.1}, "offsets"),
        (Mixture, {"offsets": (0, 1), "weights": (0.5,), "noise": 0.1}, "weights"),
        (Mixture, {"offsets": (0, 1), "weights": (0.5, 0.6), "noise": 0.1}, "weights"),
        (Mixture, {"offsets": (0, 1), "weights": (1.5, -0.5), "noise": 0.1}, "weights"),
        (Mixture, {"offsets": (0, 1), "weights": (0.5, 0.5), "noise": -1}, "noise"),
    ],
)
def test_impossible_processes_are_refused_by_name(kind: type, settings: dict, named: str) -> None:
    with pytest.raises(ValueError, match=f"^{named}: must"):
        kind(**settings)
