"""The closed forms against known values, against simulation, and against the FTRL that they are said to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmft.core import theorem
from rmft.core.online import FtrlL2
from rmft.core.policies import simulate
from rmft.core.seeding import fold
from rmft.core.theorem import Law

DENSE = np.array([[1.0, 0.4, -0.3], [0.4, 0.8, 0.1], [-0.3, 0.1, 1.6]])
LAWS = {
    "isotropic": Law(np.zeros(3), np.eye(3), 8),
    "graded": Law(np.zeros(3), theorem.covariance("graded", 3, 2.0), 8),
    "correlated": Law(np.zeros(4), theorem.covariance("correlated", 4, 1.0), 8),
    "dense": Law(np.zeros(3), DENSE, 8),
    "dense with a mean": Law(np.array([0.2, -0.1, 0.0]), DENSE, 8),
}


def regression(space: str, law: Law, batches: int = 10, size: int = 10_000) -> np.ndarray:
    """(c, V) of each batch by pooled least squares on simulated rewards, batches x (1 + d) x d."""
    rng, root, found = np.random.default_rng(0), np.linalg.cholesky(law.covariance), []
    for _ in range(batches):
        R = law.mean + rng.standard_normal((size, law.horizon, len(law.mean))) @ root.T
        S = R.cumsum(axis=1) - R
        X = np.concatenate([np.ones((*S.shape[:2], 1)), S], axis=2)
        target = theorem.hindsight(space, R.sum(axis=1))
        found.append(np.linalg.solve(np.einsum("bti,btj->ij", X, X), np.einsum("bti,bj->ij", X, target)))
    return np.array(found)


@pytest.mark.parametrize("space", theorem.SPACES)
@pytest.mark.parametrize("name", sorted(LAWS))
def test_the_closed_form_is_what_regression_finds(name: str, space: str) -> None:
    """Every entry within 4.5 standard errors, and V within 2% as a whole."""
    known, found = theorem.readout(space, LAWS[name]), regression(space, LAWS[name])
    closed = np.concatenate([known.c[None], known.V.T])
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0) - closed) < 4.5 * error + 1e-9).all()
    assert np.linalg.norm(found.mean(axis=0)[1:].T - known.V) < 0.02 * np.linalg.norm(known.V)


def test_the_known_values() -> None:
    """d = 2, T = 25, s = 1."""
    ball, simplex = (theorem.readout(space, Law(np.zeros(2), np.eye(2), 25)) for space in theorem.SPACES)
    np.testing.assert_allclose(ball.V, 0.1253 * np.eye(2), atol=5e-5)
    np.testing.assert_allclose(simplex.V, [[0.0564, -0.0564], [-0.0564, 0.0564]], atol=5e-5)
    assert ball.c.tolist() == [0, 0] and simplex.c == pytest.approx([0.5, 0.5])


@given(
    space=st.sampled_from(theorem.SPACES),
    d=st.integers(2, 8),
    T=st.integers(1, 300),
    s=st.floats(0.1, 10),
    radius=st.floats(0.5, 3),
)
@settings(max_examples=40, deadline=None)
def test_isotropic_rewards_give_the_step_times_the_form(space: str, d: int, T: int, s: float, radius: float) -> None:
    known = theorem.readout(space, Law(np.zeros(d), s**2 * np.eye(d), T), radius)
    expected = theorem.step(space, d, T, s, radius) * theorem.form(space, d)
    np.testing.assert_allclose(known.V, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(known.c, (space == "simplex") / d * np.ones(d), atol=1e-9)


def test_means_of_norms_and_of_the_largest() -> None:
    assert theorem.mu(1) == pytest.approx(np.sqrt(2 / np.pi))
    assert theorem.mu(3) == pytest.approx(2 * np.sqrt(2 / np.pi))
    assert theorem.largest_of(2) == pytest.approx(1 / np.sqrt(np.pi), rel=1e-9)
    assert theorem.largest_of(3) == pytest.approx(1.5 / np.sqrt(np.pi), rel=1e-9)
    assert theorem.largest_of(10) == pytest.approx(1.5387527308, rel=1e-9)


def test_a_shift_of_all_arms_changes_nothing_on_the_simplex() -> None:
    plain, shifted = (theorem.readout("simplex", Law(np.zeros(4), np.diag([1, 2, 3, 4.0]) + a, 9)) for a in (0.0, 5.0))
    np.testing.assert_allclose(plain.V, shifted.V, atol=2e-3 * np.abs(plain.V).max())
    np.testing.assert_allclose(shifted.V.sum(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(shifted.V.sum(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("space", theorem.SPACES)
def test_the_gradient_is_that_of_the_mean(space: str) -> None:
    """G by finite differences of E[pi*] in m."""
    m, h = np.array([0.5, -0.2, 0.1]), 1e-4
    _, G = theorem.best(space, m[None], DENSE)
    moved = [theorem.best(space, (m + sign * h * np.eye(3)), DENSE)[0] for sign in (1, -1)]
    np.testing.assert_allclose(((moved[0] - moved[1]) / (2 * h)).T, G[0], atol=1e-6)


@pytest.mark.parametrize("space", theorem.SPACES)
def test_foresight_is_the_mean_of_what_is_to_come(space: str) -> None:
    rng, S = np.random.default_rng(1), np.array([[1.0, 0, -1], [0, 0, 0]])
    drawn = theorem.hindsight(space, S[:, None] + rng.multivariate_normal(np.zeros(3), 4 * DENSE, (2, 100_000)))
    error = 4.5 * drawn.std(axis=1) / np.sqrt(100_000)
    assert (np.abs(theorem.foresight(space, S, 4, DENSE) - drawn.mean(axis=1)) < error + 1e-3).all()


@pytest.mark.parametrize("space", theorem.SPACES)
def test_the_projected_read_out_is_lazy_ftrl(space: str) -> None:
    """The same policy at every step, and so the same regret; unprojected, it differs where it is outside."""
    law = Law(np.zeros(3), np.eye(3), 25)
    rewards = np.random.default_rng(2).standard_normal((200, 25, 3))
    sums = rewards.cumsum(axis=1) - rewards
    affine = theorem.readout(space, law)(sums)
    inside = theorem.project(space, affine)
    ftrl = theorem.lazy_ftrl(space, sums, theorem.step(space, 3, 25, 1.0))
    np.testing.assert_allclose(inside, ftrl, atol=1e-9)
    np.testing.assert_allclose(theorem.regret(space, rewards, inside), theorem.regret(space, rewards, ftrl), atol=1e-8)
    outside = np.linalg.norm(affine - inside, axis=-1) > 1e-9
    assert 0 < outside.mean() < 0.5
    np.testing.assert_allclose(affine[~outside], ftrl[~outside], atol=1e-9)


def test_on_the_simplex_it_is_the_baseline_ftrl_l2() -> None:
    rewards = np.random.default_rng(3).standard_normal((50, 12, 4))
    eta = theorem.step("simplex", 4, 12, 1.0)
    played = simulate(FtrlL2(eta), rewards, fold(0, np.arange(50)), full=True).policies
    ours = theorem.lazy_ftrl("simplex", rewards.cumsum(axis=1) - rewards, eta)
    np.testing.assert_allclose(played, ours, atol=1e-12)


@pytest.mark.parametrize("space", theorem.SPACES)
def test_lazy_ftrl_is_the_best_point_of_the_space(space: str) -> None:
    """No other policy has a larger <p, eta S> - ||p - p0||^2 / 2."""
    rng = np.random.default_rng(4)
    S, others = rng.normal(0, 5, (20, 3)), theorem.project(space, rng.normal(0, 1, (3000, 3)))
    p0, p = (space == "simplex") / 3, theorem.lazy_ftrl(space, S, 0.3)

    def worth(points: np.ndarray) -> np.ndarray:
        return (points * 0.3 * S[:, None]).sum(-1) - ((points - p0) ** 2).sum(-1) / 2

    assert (worth(others[None]) <= worth(p[:, None]) + 1e-12).all()


def test_regret_by_hand() -> None:
    rewards = np.array([[[1.0, 0], [0, 2]]])
    still = np.array([[[0.5, 0.5], [0.5, 0.5]]])
    assert theorem.regret("simplex", rewards, still) == pytest.approx([2 - 1.5])
    assert theorem.regret("ball", rewards, 0 * still, radius=2.0) == pytest.approx([2 * np.sqrt(5)])


@pytest.mark.parametrize(
    ("mean", "covariance", "said"),
    [
        ([0, 0], np.array([[1, 2], [2, 1]]), "positive definite"),
        ([0, 0], np.eye(3), "symmetric"),
        ([0], np.eye(1), "2 arms"),
    ],
)
def test_what_is_no_law_is_refused(mean: list, covariance: np.ndarray, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Law(np.array(mean, float), covariance.astype(float), 5)


def test_another_space_is_refused() -> None:
    with pytest.raises(ValueError, match="space: must be one of ball, simplex, not 'cube'"):
        theorem.project("cube", np.zeros((1, 2)))
