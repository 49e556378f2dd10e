import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.online import FollowTheLeader, Ftpl, FtrlL2, Hedge, simplex
from rmft.core.policies import Policy, simulate
from rmft.core.seeding import fold
from rmft.core.seen import softmax

BITS = arrays(np.float64, st.tuples(st.integers(1, 40), st.integers(2, 5)), elements=st.sampled_from([0.0, 1.0]))


def pis(policy: Policy, vectors: list | np.ndarray, episodes: int = 1) -> np.ndarray:
    """pi_t of every step (E x T x K) on the reward vectors R_t (T x K), all of them shown."""
    rewards = np.repeat(np.array(vectors, float)[None], episodes, axis=0)
    return simulate(policy, rewards, fold(0, np.arange(episodes)), full=True).policies


def regret(policy: Policy, vectors: np.ndarray, episodes: int = 1) -> float:
    """max_a sum R(a) - sum <pi, R>, averaged over the episodes."""
    had = (pis(policy, vectors, episodes) * vectors).sum(axis=(1, 2)).mean()
    return vectors.sum(axis=0).max() - had


def alternating(steps: int, arms: int) -> np.ndarray:
    """Half a reward, then one at a time to each arm in turn: whoever leads is not paid."""
    vectors = np.eye(arms)[np.arange(steps) % arms]
    vectors[0] /= 2
    return vectors


def spiteful(eta: float, steps: int, arms: int) -> np.ndarray:
    """Every arm is paid but the one that Hedge holds likeliest."""
    vectors = np.ones((steps, arms))
    for t in range(steps):
        vectors[t, np.argmax(softmax(eta * vectors[:t].sum(axis=0)))] = 0
    return vectors


def test_hedge_by_hand() -> None:
    pi = pis(Hedge(np.log(2)), [[1, 0], [1, 0], [0, 1], [0, 0]])[0]
    assert pi == pytest.approx(np.array([[1 / 2, 1 / 2], [2 / 3, 1 / 3], [4 / 5, 1 / 5], [2 / 3, 1 / 3]]))


def test_ftrl_l2_by_hand() -> None:
    pi = pis(FtrlL2(0.25), [[1, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 1], [0, 0, 0]])[0]
    thirds = [[1 / 3, 1 / 3, 1 / 3], [1 / 2, 1 / 4, 1 / 4], [2 / 3, 1 / 6, 1 / 6], [5 / 6, 1 / 12, 1 / 12]]
    assert pi[:4] == pytest.approx(np.array(thirds))
    assert pi[4] == pytest.approx([2 / 3, 1 / 6, 1 / 6])
    assert pis(FtrlL2(2.0), [[1, 0], [0, 0]])[0, 1].tolist() == [1, 0]


def test_follow_the_leader_by_hand() -> None:
    pi = pis(FollowTheLeader(), [[0.5, 0, 0.5], [0, 0.75, 0], [0, 0, 0]])[0]
    assert pi.tolist() == [pytest.approx([1 / 3] * 3), [0.5, 0, 0.5], [0, 1, 0]]


def test_ftpl_picks_an_arm_as_often_as_its_noise_makes_up_the_lead() -> None:
    """P(scale (x_1 - x_0) > lead) = exp(-lead / scale) / 2: a difference of exponentials is a Laplace number."""
    pi = pis(Ftpl(2.0), [[3, 0], [0, 0]], episodes=20_000)
    assert set(np.unique(pi)) == {0, 1}
    for t, known in enumerate([1 / 2, np.exp(-3 / 2) / 2]):
        assert abs(pi[:, t, 1].mean() - known) < 4 * np.sqrt(known * (1 - known) / 20_000)
    assert abs(np.corrcoef(pi[:, 0, 1], pi[:, 1, 1])[0, 1]) < 4 / np.sqrt(20_000)


@given(arrays(np.float64, st.tuples(st.integers(2, 6), st.just(7)), elements=st.floats(-1e6, 1e6)))
def test_the_projection_is_the_nearest_distribution(points: np.ndarray) -> None:
    """Karush, Kuhn and Tucker: v - p is one number tau on the support of p, and v <= tau off it."""
    p = simplex(points)
    assert (p >= 0).all()
    assert p.sum(axis=0) == pytest.approx(np.ones(7))
    tau = np.max(np.where(p > 0, points - p, -np.inf), axis=0)
    scale = 1e-12 * np.abs(points).max() + 1e-9
    assert (np.abs(points - p - tau)[p > 0] <= scale).all()
    assert (points <= tau + scale)[p == 0].all()


def test_no_distribution_on_a_grid_is_nearer_than_the_projection() -> None:
    points = np.random.default_rng(0).normal(0, 1, (3, 40))
    i, j = np.meshgrid(np.arange(101), np.arange(101))
    grid = np.stack([i, j, 100 - i - j])[:, i + j <= 100] / 100
    distance = ((points[:, :, None] - grid[:, None]) ** 2).sum(axis=0).min(axis=1)
    ours = ((points - simplex(points)) ** 2).sum(axis=0)
    assert (ours <= distance + 1e-12).all()
    assert (distance - ours).max() < 0.05


def hedge_bound(steps: int, arms: int) -> tuple[float, float]:
    return np.sqrt(8 * np.log(arms) / steps), np.sqrt(steps * np.log(arms) / 2)


@given(BITS)
def test_hedge_keeps_its_bound_on_any_bits(vectors: np.ndarray) -> None:
    eta, bound = hedge_bound(*vectors.shape)
    assert regret(Hedge(eta), vectors) <= bound + 1e-9


@pytest.mark.parametrize("arms", [2, 3, 5])
def test_hedge_keeps_its_bound_against_adversaries(arms: int) -> None:
    eta, bound = hedge_bound(300, arms)
    assert regret(Hedge(eta), alternating(300, arms)) <= bound
    found = regret(Hedge(eta), spiteful(eta, 300, arms))
    assert bound / 4 < found <= bound  # the bound is not idle


@given(BITS, st.floats(0.01, 3))
def test_ftrl_l2_keeps_its_bound(vectors: np.ndarray, eta: float) -> None:
    bound = (1 - 1 / vectors.shape[1]) / (2 * eta) + eta / 2 * (vectors**2).sum()
    assert regret(FtrlL2(eta), vectors) <= bound + 1e-9


def test_alternating_rewards_break_follow_the_leader_alone() -> None:
    """It is paid nothing but what luck gives at first, at any length; noise or a regulariser is the cure."""
    for steps in (200, 400, 800):
        vectors = alternating(steps, 2)
        assert regret(FollowTheLeader(), vectors) >= steps / 2 - 1
        assert regret(Hedge(hedge_bound(steps, 2)[0]), vectors) <= np.sqrt(steps)
        assert regret(FtrlL2(1 / np.sqrt(steps)), vectors) <= np.sqrt(steps)
        assert regret(Ftpl(np.sqrt(steps)), vectors, episodes=300) <= np.sqrt(steps)
