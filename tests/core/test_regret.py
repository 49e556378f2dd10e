from dataclasses import replace
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rmft.core.priors import Uniform
from rmft.core.regret import best_arm, pseudo_regret_curve, regret, regret_curve, regret_name, variation
from rmft.core.rewards import Cauchy, Gaussian, Pareto, Process
from rmft.core.tasks import Task
from rmft.core.trajectory import Play, realised_means

MEANS = arrays(np.float64, (4, 1, 3), elements=st.floats(-2, 2))
MOVING = arrays(np.float64, (4, 6, 3), elements=st.floats(-2, 2))
ACTIONS = arrays(np.int64, (4, 6), elements=st.integers(-1, 2))
BANDITS = st.sampled_from(["mab", "ns-mab"])


def play(actions: np.ndarray, means: np.ndarray, **more: np.ndarray) -> Play:
    return Play(actions, np.zeros(actions.shape), means, **more)


def test_known_answer() -> None:
    curve = regret_curve("mab", play(np.array([[0, 1, 2, -1]]), np.array([[[0.9, 0.5, 0.1]]])))
    assert curve[0] == pytest.approx([0.0, 0.4, 1.2, 2.0])


def test_means_that_change_give_dynamic_regret() -> None:
    means = np.array([[[1.0, 0.0], [0.0, 1.0], [0.25, 0.5]]])
    assert regret_curve("ns-mab", play(np.array([[0, 0, 0]]), means)).tolist() == [[0.0, 1.0, 1.25]]
    assert regret_curve("ns-mab", play(np.array([[-1, -1, -1]]), means)).tolist() == [[1.0, 2.0, 2.25]]


@given(BANDITS, ACTIONS, st.one_of(MEANS, MOVING))
def test_never_negative_never_falling(environment: str, actions: np.ndarray, means: np.ndarray) -> None:
    curve = regret_curve(environment, play(actions, means))
    assert (curve >= 0).all()
    assert (np.diff(curve) >= 0).all()
    assert (regret(environment, play(actions, means)) == curve[:, -1]).all()
    assert (curve == pseudo_regret_curve(actions, means)).all()


@given(MOVING)
def test_the_best_arm_of_each_step_has_no_dynamic_regret(means: np.ndarray) -> None:
    assert (regret_curve("ns-mab", play(means.argmax(axis=2), means)) == 0).all()


@given(ACTIONS, MOVING, MOVING, st.permutations(range(3)))
def test_names_of_arms_do_not_matter(
    actions: np.ndarray, means: np.ndarray, vectors: np.ndarray, names: list[int]
) -> None:
    renamed = np.where(actions < 0, -1, np.argsort(names)[actions])
    one = play(actions, means, vectors=vectors)
    other = play(renamed, means[:, :, names], vectors=vectors[:, :, names])
    for environment in ("mab", "ns-mab", "fol"):
        assert regret_curve(environment, other) == pytest.approx(regret_curve(environment, one))
    assert (variation(other.means) == variation(means)).all()
    assert realised_means(other.means, renamed, 0.5) == pytest.approx(realised_means(means, actions, 0.5)[:, :, names])


@given(ACTIONS, MEANS)
def test_stationary_is_the_same_as_repeated(actions: np.ndarray, means: np.ndarray) -> None:
    repeated = regret_curve("mab", play(actions, np.repeat(means, 6, axis=1)))
    assert (repeated == regret_curve("mab", play(actions, means))).all()


@pytest.mark.parametrize("environment", ["mab", "fol"])
@pytest.mark.parametrize("action", [-2, 3])
def test_an_arm_that_does_not_exist_is_refused(action: int, environment: str) -> None:
    nothing = np.zeros((1, 1, 3))
    with pytest.raises(ValueError, match="actions"):
        regret(environment, play(np.array([[action]]), nothing, vectors=nothing))


def test_full_information_known_answer() -> None:
    """Arm 0 leads after one step, arm 1 after two; the third step has no action and counts as the worst arm, 0.5."""
    vectors = np.array([[[1.0, 0.0], [0.0, 3.0], [0.5, 2.0]]])
    actions = np.array([[1, 1, -1]])
    assert regret_curve("fol", play(actions, vectors, vectors=vectors)).tolist() == [[1.0, 0.0, 1.5]]
    pi = np.array([[[0.5, 0.5], [0.25, 0.75], [np.nan, np.nan]]])
    curve = regret_curve("fol", play(actions, vectors, vectors=vectors, policies=pi))
    assert curve.tolist() == [[0.5, 3 - 0.5 - 2.25, 5 - 0.5 - 2.25 - 0.5]]


def naive_external(actions: np.ndarray, vectors: np.ndarray, pi: np.ndarray, rng: np.random.Generator) -> list[float]:
    """Of one episode: the best of all vertices of the simplex and of many points inside it, step by step."""
    points = [*np.eye(3), *rng.dirichlet(np.ones(3), 20)]
    had = accumulate(
        min(r) if a < 0 else sum(p * x for p, x in zip(w, r, strict=True))
        for a, r, w in zip(actions, vectors.tolist(), pi.tolist(), strict=True)
    )
    return [max(float((point @ vectors[: t + 1].T).sum()) for point in points) - h for t, h in enumerate(had)]


@given(ACTIONS, MOVING, st.integers(0, 99), st.booleans())
def test_full_information_against_brute_force(
    actions: np.ndarray, vectors: np.ndarray, seed: int, distributions: bool
) -> None:
    rng = np.random.default_rng(seed)
    pi = rng.dirichlet(np.ones(3), (4, 6)) if distributions else (actions[:, :, None] == np.arange(3)).astype(float)
    did = play(actions, vectors, vectors=vectors, policies=pi if distributions else None)
    known = [naive_external(*one, rng) for one in zip(actions, vectors, pi, strict=True)]
    assert regret_curve("fol", did) == pytest.approx(np.array(known), abs=1e-9)


def test_full_information_may_do_better_than_any_one_arm() -> None:
    vectors = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    assert regret("fol", play(np.array([[0, 1]]), vectors, vectors=vectors)).tolist() == [-1.0]


def test_full_information_needs_the_vectors() -> None:
    with pytest.raises(ValueError, match="vectors"):
        regret("fol", play(np.array([[0, 1]]), np.zeros((1, 1, 2))))


def test_expected_regret_of_a_random_policy() -> None:
    """sum_t max_a r_t(a) - average of r_t, within four standard errors."""
    rng = np.random.default_rng(0)
    one = rng.uniform(size=(1, 30, 4))
    found = regret("ns-mab", play(rng.integers(0, 4, (20_000, 30)), np.repeat(one, 20_000, axis=0)))
    known = (one.max(axis=2) - one.mean(axis=2)).sum()
    assert abs(found.mean() - known) < 4 * found.std() / np.sqrt(20_000)
    stationary = regret("mab", play(rng.integers(0, 4, (20_000, 30)), np.repeat(one[:, :1], 20_000, axis=0)))
    known = 30 * (one[0, 0].max() - one[0, 0].mean())
    assert abs(stationary.mean() - known) < 4 * stationary.std() / np.sqrt(20_000)


@pytest.mark.parametrize(
    ("environment", "rewards", "name"),
    [
        ("mab", Gaussian(0.1), "pseudo-regret"),
        ("fol", Gaussian(0.1), "external regret, realised"),
        ("mab", Cauchy(0.1, (-1, 2)), "pseudo-regret of the locations"),
        ("mab", Pareto(2.5, 0.1), "pseudo-regret"),
        ("mab", Pareto(2.5, 0.1, (-1, 2)), "pseudo-regret of the locations"),
    ],
)
def test_each_regret_has_its_name(environment: str, rewards: Process, name: str) -> None:
    assert regret_name(Task("t", environment, 3, 6, Uniform(0.1, 0.9), rewards, "buttons")) == name


def test_realised_means_by_hand() -> None:
    """Arm 0 twice, then 1, then nothing: the second, third and fourth step react; the fifth has nothing to react to."""
    base, actions = np.array([[[0.6, 0.5]]]), np.array([[0, 0, 1, -1, 0]])
    means = realised_means(base, actions, 0.25)
    assert means == pytest.approx(np.array([[[0.6, 0.5], [0.35, 0.5], [0.35, 0.5], [0.6, 0.25], [0.6, 0.5]]]))
    assert regret_curve("ns-mab", play(actions, means))[0] == pytest.approx([0, 0.15, 0.15, 0.5, 0.5])
    assert variation(means) == pytest.approx([0.25 + 0 + 0.25 + 0.25])
    assert realised_means(base, actions, 0.0) is base


def test_best_arm_is_that_of_the_steps_that_remain() -> None:
    means = np.array([[[1.0, 0.0], [0.0, 0.4], [0.0, 0.5]], [[0.0, 0.2], [0.1, 0.0], [0.0, 0.0]]])
    assert best_arm(means, 0).tolist() == [0, 1]
    assert best_arm(means, 1).tolist() == [1, 0]
    assert best_arm(means[:, :1], 2).tolist() == [0, 1]


def test_pi_is_on_the_action_where_it_is_not_known() -> None:
    did = play(np.array([[1, -1]]), np.zeros((1, 1, 2)))
    assert did.pi.tolist() == [[[0, 1], [0, 0]]]
    told = replace(did, policies=np.array([[[0.25, 0.75], [0.5, 0.5]]]))
    assert told.pi.tolist() == [[[0.25, 0.75], [0, 0]]]
