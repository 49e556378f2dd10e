from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from rmft.core.information import information_regret, posterior, sufficient_statistics
from rmft.core.policies import play
from rmft.core.priors import Gap, Prior, Uniform
from rmft.core.regret import regret
from rmft.core.rewards import Bernoulli, Gaussian, Process
from rmft.core.tasks import Task, draw_episodes

NOTHING = np.zeros((1, 3))


def task(means: Prior, rewards: Process) -> Task:
    """Three arms, 20 steps."""
    return Task("t", "mab", 3, 20, means, rewards, "buttons")


def played(task: Task, entry: dict, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Information regret and oracle regret of a baseline, one episode of each scenario."""
    where = {"split": "test", "seed": 0, "iteration": 0, "policy": "p"}
    drawn = draw_episodes(task, **where, scenarios=range(episodes), per_scenario=1)
    did = play(entry, task, drawn)
    return information_regret(task, did.actions, did.rewards), regret(did.actions, drawn.mean_rewards)


@pytest.mark.parametrize("name", ["gaussian", "hard"])
@pytest.mark.parametrize("entry", [{"policy": "random"}, {"policy": "explore_then_commit", "pulls": 1}])
def test_same_expectation_as_the_bayes_regret_and_lower_variance(
    name: str, entry: dict, request: pytest.FixtureRequest
) -> None:
    information, oracle = played(request.getfixturevalue(name), entry, 4_000)
    error = (information - oracle).std() / np.sqrt(len(oracle))
    assert abs((information - oracle).mean()) < max(3 * error, 1e-9)
    assert information.var() <= oracle.var()


def test_greedy_has_the_bayes_regret_and_much_lower_variance(gaussian: Task) -> None:
    information, oracle = played(replace(gaussian, rewards=Gaussian(0.3)), {"policy": "greedy"}, 4_000)
    assert abs((information - oracle).mean()) < 3 * (information - oracle).std() / np.sqrt(4_000)
    assert information.var() < 0.8 * oracle.var()


@pytest.mark.parametrize("level", [0.2, 0.5, 0.85])
def test_no_credit_for_luck(gaussian: Task, level: float) -> None:
    """One arm for ever, near-noiseless: its mean is known, the others keep the prior; E max(x, U, U) = (2 + x^3)/3."""
    near_noiseless = replace(gaussian, rewards=Gaussian(0.01))
    x = (level - 0.1) / 0.8
    known = 20 * 0.8 * ((2 + x**3) / 3 - x)
    information = information_regret(near_noiseless, np.zeros((1, 20), int), np.full((1, 20), level))
    assert information[0] == pytest.approx(known, abs=0.01)


def test_no_credit_for_luck_with_one_best_arm(hard: Task) -> None:
    """One arm of five for ever, 60 successes: surely the best one. 50 of 100: as likely as not to have been either."""
    actions = np.zeros((2, 100), int)
    rewards = np.arange(100) < np.array([[60], [50]])
    odds = np.array([(0.6 / 0.4) ** 20, 1.0])
    known = 100 * 0.2 * (1 - odds / (odds + 4))
    assert information_regret(hard, actions, rewards.astype(float)) == pytest.approx(known)


def test_steps_without_an_action_count_as_the_worst_arm(gaussian: Task) -> None:
    nothing = information_regret(gaussian, np.full((1, 20), -1), np.zeros((1, 20)))
    assert nothing[0] == pytest.approx(20 * 0.8 * (3 / 4 - 1 / 4), abs=2e-3)


def test_gaussian_posterior_is_the_truncated_normal() -> None:
    counts, sums = np.array([[5, 2, 12]]), np.array([[2.0, 1.9, 1.3]])
    _, mean, _ = posterior(task(Uniform(0.1, 0.9), Gaussian(0.1)), counts, sums)
    middle, sd = sums / counts, 0.1 / np.sqrt(counts)
    assert mean == pytest.approx(stats.truncnorm((0.1 - middle) / sd, (0.9 - middle) / sd, middle, sd).mean(), abs=1e-4)


def test_bernoulli_posterior_is_the_beta() -> None:
    counts, sums = np.array([[5, 0, 12]]), np.array([[2.0, 0.0, 12.0]])
    _, mean, _ = posterior(task(Uniform(0, 1), Bernoulli()), counts, sums)
    assert mean == pytest.approx((sums + 1) / (counts + 2), abs=1e-3)


def test_prior_extremes() -> None:
    best, mean, worst = posterior(task(Uniform(0, 1), Gaussian(0.1)), NOTHING, NOTHING)
    assert [best[0], *mean[0], worst[0]] == pytest.approx([0.75, 0.5, 0.5, 0.5, 0.25], abs=1e-3)
    best, mean, worst = posterior(task(Gap(0.3), Bernoulli()), NOTHING, NOTHING)
    assert [best[0], *mean[0], worst[0]] == pytest.approx([0.65, 0.45, 0.45, 0.45, 0.35])


def test_expected_best_arm_against_simulation() -> None:
    counts, sums = np.array([[3, 1, 0]]), np.array([[1.5, 0.7, 0.0]])
    best, _, worst = posterior(task(Uniform(0.1, 0.9), Gaussian(0.1)), counts, sums)
    draws = np.random.default_rng(0).uniform(0.1, 0.9, (400_000, 3))
    weight = np.exp(Gaussian(0.1).log_likelihood(counts, sums, draws).sum(axis=1) - 60)
    assert best[0] == pytest.approx(np.average(draws.max(axis=1), weights=weight), abs=2e-3)
    assert worst[0] == pytest.approx(np.average(draws.min(axis=1), weights=weight), abs=2e-3)


def test_names_of_arms_order_of_steps_and_company_do_not_matter(gaussian: Task) -> None:
    rng = np.random.default_rng(0)
    actions, rewards = rng.integers(-1, 3, (50, 20)), rng.uniform(0.1, 0.9, (50, 20))
    base = information_regret(gaussian, actions, rewards)
    renamed = np.where(actions < 0, -1, np.array([2, 0, 1])[actions])
    assert information_regret(gaussian, renamed, rewards) == pytest.approx(base)
    steps = rng.permutation(20)
    assert information_regret(gaussian, actions[:, steps], rewards[:, steps]) == pytest.approx(base)
    assert (information_regret(gaussian, actions[7:9], rewards[7:9]) == base[7:9]).all()
    assert (base > -1e-9).all()


def test_counts_and_sums_leave_out_steps_without_an_action() -> None:
    counts, sums = sufficient_statistics(np.array([[0, 2, -1, 2]]), np.array([[0.5, 1.0, np.nan, 2.0]]), 3)
    assert counts.tolist() == [[1, 0, 2]]
    assert sums.tolist() == [[0.5, 0.0, 3.0]]


@dataclass(frozen=True)
class Other:
    """A prior without a posterior."""

    low: float
    high: float

    @property
    def bounds(self) -> tuple[float, float]:
        return self.low, self.high


def test_an_unknown_prior_is_refused(gaussian: Task) -> None:
    with pytest.raises(ValueError, match="no posterior"):
        posterior(replace(gaussian, means=Other(0.1, 0.9)), NOTHING, NOTHING)
