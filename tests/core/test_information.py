from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import stats

from rmft.core.drifts import Abrupt, Adaptive, Alternating, Constant, Drift, Linear, RandomWalk, Sine
from rmft.core.information import information_regret, knowable, posterior, sufficient_statistics
from rmft.core.policies import play
from rmft.core.priors import Gap, Prior, Uniform
from rmft.core.regret import pseudo_regret_curve
from rmft.core.rewards import Bernoulli, Cauchy, Gaussian, Mixture, Pareto, Process
from rmft.core.rewards import Uniform as UniformRewards
from rmft.core.tasks import Task, draw_episodes
from rmft.core.trajectory import Play

NOTHING = np.zeros((1, 3))


def task(means: Prior, rewards: Process, environment: str = "mab", drift: Drift | None = None) -> Task:
    """Three arms, 20 steps."""
    return Task("t", environment, 3, 20, means, rewards, "buttons", drift or Constant())


def bandit(actions: np.ndarray, rewards: np.ndarray) -> Play:
    """What a bandit showed; its information regret does not look at the means."""
    return Play(actions, rewards, np.zeros((len(actions), 1, 3)))


def in_chunks_of(monkeypatch: pytest.MonkeyPatch, cells: int) -> None:
    monkeypatch.setattr("rmft.core.information._STEPPED_CELLS", cells)


def played(task: Task, entry: dict, episodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Information regret and oracle regret of a baseline, one episode of each scenario."""
    where = {"split": "test", "seed": 0, "iteration": 0, "policy": "p"}
    drawn = draw_episodes(task, **where, scenarios=range(episodes), per_scenario=1)
    did = greedy_of_all(drawn.rewards) if entry == "greedy of all" else play(entry, task, drawn)
    vectors = drawn.rewards if task.environment == "fol" else None
    known = information_regret(task, Play(did.actions, did.rewards, drawn.mean_rewards, vectors))
    return known, pseudo_regret_curve(did.actions, drawn.mean_rewards)[:, -1]


def greedy_of_all(vectors: np.ndarray) -> Play:
    """Full information: the largest sum so far."""
    before = np.cumsum(vectors, axis=1) - vectors
    actions = before.argmax(axis=2)
    return bandit(actions, np.take_along_axis(vectors, actions[:, :, None], axis=2)[:, :, 0])


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
    information = information_regret(near_noiseless, bandit(np.zeros((1, 20), int), np.full((1, 20), level)))
    assert information[0] == pytest.approx(known, abs=0.01)


def test_no_credit_for_luck_with_one_best_arm(hard: Task) -> None:
    """One arm of five for ever, 60 successes: surely the best one. 50 of 100: as likely as not to have been either."""
    actions = np.zeros((2, 100), int)
    rewards = np.arange(100) < np.array([[60], [50]])
    odds = np.array([(0.6 / 0.4) ** 20, 1.0])
    known = 100 * 0.2 * (1 - odds / (odds + 4))
    assert information_regret(hard, bandit(actions, rewards.astype(float))) == pytest.approx(known)


def test_steps_without_an_action_count_as_the_worst_arm(gaussian: Task) -> None:
    nothing = information_regret(gaussian, bandit(np.full((1, 20), -1), np.zeros((1, 20))))
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
    base = information_regret(gaussian, bandit(actions, rewards))
    renamed = np.where(actions < 0, -1, np.array([2, 0, 1])[actions])
    assert information_regret(gaussian, bandit(renamed, rewards)) == pytest.approx(base)
    steps = rng.permutation(20)
    assert information_regret(gaussian, bandit(actions[:, steps], rewards[:, steps])) == pytest.approx(base)
    assert (information_regret(gaussian, bandit(actions[7:9], rewards[7:9])) == base[7:9]).all()
    assert (base > -1e-9).all()


PRIOR, WALK = Uniform(0.1, 0.9), RandomWalk(0.05, 0.1, 0.9)
MOVING = {
    "fol-constant": task(PRIOR, Gaussian(0.4), "fol"),
    "fol-constant-gap": task(Gap(0.3), Gaussian(0.4), "fol"),
    "fol-abrupt": task(PRIOR, Gaussian(0.2), "fol", Abrupt(0.1)),
    "fol-walk": task(PRIOR, Bernoulli(), "fol", WALK),
    "abrupt": task(PRIOR, Gaussian(0.2), "ns-mab", Abrupt(0.1)),
    "abrupt-bernoulli": task(PRIOR, Bernoulli(), "ns-mab", Abrupt(0.05)),
    "walk": task(PRIOR, Gaussian(0.1), "ns-mab", WALK),
    "walk-from-the-middle": task(Uniform(0.4, 0.55), Gaussian(0.1), "ns-mab", WALK),
}


@pytest.mark.parametrize("entry", [{"policy": "random"}, {"policy": "greedy"}, "greedy of all"])
@pytest.mark.parametrize("name", MOVING)
def test_same_expectation_as_the_bayes_regret_elsewhere(name: str, entry: dict | str) -> None:
    """In full information, and with means that move: within four standard errors, over scenarios drawn from the prior."""
    if entry == "greedy of all" and MOVING[name].environment != "fol":
        entry = {"policy": "ucb", "constant": 0.1, "growth": "none"}
    information, oracle = played(MOVING[name], entry, 3_000)
    error = (information - oracle).std() / np.sqrt(len(oracle))
    assert error < 0.04
    assert abs((information - oracle).mean()) < 4 * error
    assert information.var() < oracle.var()


@pytest.mark.parametrize("environment", ["fol", "ns-mab"])
def test_a_drift_that_hardly_ever_jumps_is_constant(environment: str) -> None:
    """Smoothing against the closed form of means that stand still, steps without an action included."""
    rng = np.random.default_rng(0)
    vectors, actions = rng.normal(0.5, 0.3, (30, 20, 3)), rng.integers(-1, 3, (30, 20))
    rewards = np.take_along_axis(vectors, np.maximum(actions, 0)[:, :, None], axis=2)[:, :, 0]
    did = Play(actions, rewards, np.zeros((30, 1, 3)), vectors)
    still = task(PRIOR, Gaussian(0.3), "fol" if environment == "fol" else "mab")
    moves = task(PRIOR, Gaussian(0.3), environment, Abrupt(1e-12))
    assert information_regret(moves, did) == pytest.approx(information_regret(still, did), abs=2e-3)


def test_full_information_by_hand() -> None:
    """Near-noiseless: all is known. pi_t weighs the arms where it is known; no action counts as the worst arm."""
    mu = np.array([0.2, 0.8, 0.5])
    vectors, actions = np.broadcast_to(mu, (2, 20, 3)), np.tile([0, 1, 2, -1], (2, 5))
    exact = task(PRIOR, Gaussian(0.01), "fol")
    did = Play(actions, np.zeros((2, 20)), mu[None, None], vectors)
    assert information_regret(exact, did) == pytest.approx([5 * (0.6 + 0 + 0.3 + 0.6)] * 2, abs=1e-3)
    pi = np.broadcast_to([0.5, 0.5, 0.0], (2, 20, 3))
    told = replace(did, policies=pi)
    assert information_regret(exact, told) == pytest.approx([15 * 0.3 + 5 * 0.6] * 2, abs=1e-3)
    moving = task(PRIOR, Gaussian(0.01), "fol", Abrupt(0.001))
    assert information_regret(moving, told) == pytest.approx([15 * 0.3 + 5 * 0.6] * 2, abs=0.02)
    with pytest.raises(ValueError, match="vectors"):
        information_regret(exact, replace(did, vectors=None))


def test_rewards_that_were_not_shown_say_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the vectors of steps without an action nor, in the bandits, those of other arms; nor does the company."""
    rng = np.random.default_rng(0)
    vectors, actions = rng.uniform(size=(9, 20, 3)), rng.integers(-1, 3, (9, 20))
    for name in ("fol-constant", "fol-walk", "abrupt"):
        did = Play(actions, vectors[:, :, 0], np.zeros((9, 1, 3)), vectors)
        blind = replace(did, vectors=np.where(actions[:, :, None] < 0, np.nan, vectors))
        blind = replace(blind, rewards=np.where(actions < 0, np.nan, vectors[:, :, 0]))
        whole = information_regret(MOVING[name], did)
        assert information_regret(MOVING[name], blind) == pytest.approx(whole)
        with monkeypatch.context() as patch:
            in_chunks_of(patch, 20_000)
            assert information_regret(MOVING[name], did) == pytest.approx(whole, rel=1e-12)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"drift": Sine(0.1, 5)}, "drift: .*Sine"),
        ({"drift": Linear(0.01)}, "drift: .*Linear"),
        ({"drift": Alternating(3)}, "drift: .*Alternating"),
        ({"drift": Adaptive(0.1)}, "drift: .*Adaptive"),
        ({"drift": RandomWalk(0.001, 0.1, 0.9)}, "drift: .*step"),
        ({"drift": RandomWalk(0.1, 0.1, 0.9), "means": Gap(0.2)}, "means: .*Gap"),
        ({"rewards": UniformRewards(0.1)}, "rewards: .*Uniform"),
        ({"rewards": Cauchy(0.1, (0, 1))}, "rewards: .*Cauchy"),
        ({"rewards": Pareto(3, 0.1)}, "rewards: .*Pareto"),
        ({"rewards": Mixture((0, 1), (0.5, 0.5), 0.1)}, "rewards: .*Mixture"),
    ],
)
def test_what_cannot_be_known_is_refused_by_the_key(changed: dict, key: str) -> None:
    other = replace(task(PRIOR, Gaussian(0.1), "fol"), **changed)
    with pytest.raises(ValueError, match=f"tasks: t: {key}") as caught:
        information_regret(other, bandit(np.zeros((1, 20), int), np.zeros((1, 20))))
    assert str(caught.value) == f"tasks: t: {knowable(other)}"
    assert "\n" not in str(caught.value)


def test_what_can_be_known(gaussian: Task, hard: Task) -> None:
    assert [knowable(t) for t in (gaussian, hard, *MOVING.values())] == [None] * 10


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
    assert "no posterior under Other means" in knowable(replace(gaussian, means=Other(0.1, 0.9)))
    with pytest.raises(ValueError, match="no posterior"):
        posterior(replace(gaussian, means=Other(0.1, 0.9)), NOTHING, NOTHING)
