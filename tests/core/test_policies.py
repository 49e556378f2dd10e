from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from rmft.core.bandits import Random
from rmft.core.policies import POLICIES, Learner, label, play, policy_from_config, simulate
from rmft.core.seeding import fold
from rmft.core.seen import Seen
from rmft.core.tasks import Episodes, Task, draw_episodes
from rmft.core.tuning import candidates

ENTRIES = {
    "random": {"policy": "random"},
    "greedy": {"policy": "greedy"},
    "eps-greedy (eps=0.1)": {"policy": "eps_greedy", "epsilon": 0.1},
    "explore-then-commit (m=2)": {"policy": "explore_then_commit", "pulls": 2},
    "UCB (c=1)": {"policy": "ucb", "constant": 1.0, "growth": "none"},
    "UCB (c=2 ln t)": {"policy": "ucb", "constant": 2.0, "growth": "log"},
    "Thompson (Beta(1,1))": {"policy": "thompson_bernoulli"},
    "Thompson (N(0.5, 0.23^2), noise 0.1)": {
        "policy": "thompson_gaussian",
        "noise": 0.1,
        "prior_mean": 0.5,
        "prior_sd": 0.23,
    },
    "EXP3 (gamma=0.216)": {"policy": "exp3", "gamma": 0.216},
    "sliding-window UCB (c=0.5 ln t, window=20)": {"policy": "sliding_window_ucb", "constant": 0.5, "window": 20},
    "discounted UCB (c=0.5 ln t, discount=0.9)": {"policy": "discounted_ucb", "constant": 0.5, "discount": 0.9},
    "EXP3.S (gamma=0.3, alpha=0.01)": {"policy": "exp3_s", "gamma": 0.3, "alpha": 0.01},
    "Hedge (eta=0.4)": {"policy": "hedge", "eta": 0.4},
    "FTRL-L2 (eta=0.1)": {"policy": "ftrl_l2", "eta": 0.1},
    "FTPL (scale=4)": {"policy": "ftpl", "scale": 4.0},
    "follow the leader": {"policy": "follow_the_leader"},
    "best fixed arm": {"policy": "best_fixed_arm"},
    "per-step oracle": {"policy": "per_step_oracle"},
}
ORACLES = ("best fixed arm", "per-step oracle")
LEARNERS = ("sliding-window UCB (c=0.5 ln t, window=20)", "discounted UCB (c=0.5 ln t, discount=0.9)")
SAMPLERS = ("Thompson (Beta(1,1))", "Thompson (N(0.5, 0.23^2), noise 0.1)", "FTPL (scale=4)")


def seen(counts: list[float], sums: list[float], episodes: int = 1, **changes: object) -> Seen:
    """The same history in every episode; importance-weighted sums are the plain ones unless given."""
    n, s = (np.repeat(np.array(v, float)[:, None], episodes, axis=1) for v in (counts, sums))
    seeds = fold(0, np.arange(episodes))
    return replace(Seen(int(sum(counts)), n, s, s, np.full(episodes, -1), seeds), **changes)


def draw(task: Task, episodes: int) -> Episodes:
    where = {"split": "test", "seed": 0, "iteration": 0, "policy": "p"}
    return draw_episodes(task, **where, scenarios=range(episodes), per_scenario=1)


def test_simulate_shows_what_happened_and_nothing_else() -> None:
    """A spy with a fixed pi over three arms checks the books before every step."""
    rewards, pi, book = np.random.default_rng(0).random((50, 9, 3)), np.array([0.5, 0.3, 0.2]), []

    def spy(history: Seen) -> np.ndarray:
        book.append(replace(history, counts=history.counts.copy(), sums=history.sums.copy(), last=history.last.copy()))
        book[-1] = replace(book[-1], weighted=history.weighted.copy())
        return np.repeat(pi[:, None], 50, axis=1)

    did = simulate(spy, rewards, fold(0, np.arange(50)))
    assert (did.rewards == np.take_along_axis(rewards, did.actions[:, :, None], axis=2)[:, :, 0]).all()
    for t, history in enumerate(book):
        mask = did.actions[:, :t, None] == np.arange(3)
        gained = (mask * rewards[:, :t]).sum(axis=1)
        assert history.step == t
        assert (history.counts == mask.sum(axis=1).T).all()
        assert history.sums == pytest.approx(gained.T)
        assert history.weighted == pytest.approx((gained / pi).T)
        assert (history.last == (did.actions[:, t - 1] if t else -1)).all()


@pytest.mark.parametrize("factor", [2.0, 0.5, -1.0, float("nan"), float("inf")])
def test_what_is_no_distribution_is_never_played(factor: float) -> None:
    class Wrong:
        def __call__(self, seen: Seen) -> np.ndarray:
            return factor * np.full(seen.counts.shape, 1 / len(seen.counts))

    with pytest.raises(ValueError, match="Wrong: at step 1 its probabilities must be 0 or more and sum to 1"):
        simulate(Wrong(), np.zeros((4, 5, 3)), fold(0, np.arange(4)))


def test_full_information_shows_every_arm() -> None:
    rewards, pi, book = np.random.default_rng(0).random((50, 9, 3)), np.array([0.5, 0.3, 0.2]), []

    def spy(history: Seen) -> np.ndarray:
        book.append((history.counts.copy(), history.sums.copy(), history.weighted.copy(), history.last.copy()))
        return np.repeat(pi[:, None], 50, axis=1)

    did = simulate(spy, rewards, fold(0, np.arange(50)), full=True)
    assert (did.rewards == np.take_along_axis(rewards, did.actions[:, :, None], axis=2)[:, :, 0]).all()
    assert did.policies.shape == (50, 9, 3)
    assert (did.policies == pi).all()
    for t, (counts, sums, weighted, last) in enumerate(book):
        assert (counts == t).all()
        assert sums == pytest.approx(rewards[:, :t].sum(axis=1).T)
        assert (weighted == sums).all()
        assert (last == (did.actions[:, t - 1] if t else -1)).all()


def test_a_policy_learns_from_what_it_was_shown() -> None:
    """A spy with a memory checks what ``learn`` is given, on a bandit and in full information."""
    rewards, pi, size = np.random.default_rng(1).random((20, 6, 3)), np.array([0.5, 0.3, 0.2]), 20

    class Spy:
        def __call__(self, history: Seen) -> np.ndarray:
            assert history.own == (history.step or None)
            return np.repeat(pi[:, None], size, axis=1)

        def learn(self, history: Seen, shown: np.ndarray, reward: np.ndarray, weighted: np.ndarray) -> int:
            book.append((shown.copy(), reward.copy(), weighted.copy()))
            return history.step + 1

    for full in (False, True):
        book: list = []
        did = simulate(Spy(), rewards, fold(0, np.arange(size)), full=full)
        for t, (shown, reward, weighted) in enumerate(book):
            played = np.arange(3)[:, None] == did.actions[:, t]
            assert (shown == (played | full)).all()
            assert (reward == shown * rewards[:, t].T).all()
            assert weighted == pytest.approx(reward if full else reward / pi[:, None])


@pytest.mark.parametrize("full", [False, True])
def test_the_arm_played_last_pays_less(full: bool) -> None:
    rewards, book = np.random.default_rng(2).random((30, 8, 3)), []

    def spy(history: Seen) -> np.ndarray:
        book.append(history.sums.copy())
        return np.full((3, 30), 1 / 3)

    did = simulate(spy, rewards, fold(0, np.arange(30)), full=full, reaction=0.25)
    realised = rewards.copy()
    realised[:, 1:] -= 0.25 * (did.actions[:, :-1, None] == np.arange(3))
    assert did.rewards == pytest.approx(np.take_along_axis(realised, did.actions[:, :, None], axis=2)[:, :, 0])
    shown = full | (did.actions[:, :7, None] == np.arange(3))
    assert book[-1] == pytest.approx((shown * realised[:, :7]).sum(axis=1).T)
    assert (did.rewards[:, 0] == simulate(Random(), rewards, fold(0, np.arange(30))).rewards[:, 0]).all()


@pytest.mark.parametrize("name", ENTRIES)
def test_every_policy_plays_every_environment(name: str, hard: Task) -> None:
    """pi_t stands in the record of full information alone."""
    for environment in ("mab", "fol"):
        did = play(ENTRIES[name], replace(hard, environment=environment), draw(hard, 30))
        assert did.actions.min() >= 0
        assert did.actions.max() < 5
        assert (did.policies is not None) == (environment == "fol")
    assert did.policies.sum(axis=2) == pytest.approx(np.ones((30, 100)))


def test_actions_are_sampled_from_pi() -> None:
    pi = np.array([0.5, 0.0, 0.3, 0.2, 0.0])
    did = simulate(lambda _: np.repeat(pi[:, None], 2_000, axis=1), np.zeros((2_000, 10, 5)), fold(0, np.arange(2_000)))
    share = np.bincount(did.actions.ravel(), minlength=5) / 20_000
    assert (share[pi == 0] == 0).all()
    assert np.abs(share - pi).max() < 4 * np.sqrt(0.25 / 20_000)


@pytest.mark.parametrize("name", ENTRIES)
def test_order_and_company_change_nothing(name: str, hard: Task) -> None:
    episodes = draw(hard, 60)
    base = play(ENTRIES[name], hard, episodes)
    some = np.random.default_rng(0).permutation(60)[:23]
    chosen = {key: getattr(episodes, key)[some] for key in ("mean_rewards", "rewards", "seeds")}
    part = replace(episodes, **chosen)
    did = play(ENTRIES[name], hard, part)
    assert (did.actions == base.actions[some]).all()
    assert (did.rewards == base.rewards[some]).all()


@pytest.mark.parametrize("name", ENTRIES)
def test_a_longer_horizon_begins_with_the_shorter(name: str, hard: Task) -> None:
    short = replace(hard, horizon=30)
    did, longer = play(ENTRIES[name], short, draw(short, 20)), play(ENTRIES[name], hard, draw(hard, 20))
    assert (longer.actions[:, :30] == did.actions).all()


@pytest.mark.parametrize("name", ["greedy", "UCB (c=1)", "UCB (c=2 ln t)", "explore-then-commit (m=2)", *LEARNERS])
def test_each_arm_is_tried_once_first_in_random_order(name: str, hard: Task) -> None:
    first = play(ENTRIES[name], hard, draw(hard, 400)).actions[:, :5]
    assert (np.sort(first, axis=1) == np.arange(5)).all()
    assert stats.chisquare(np.bincount(first[:, 0])).pvalue > 0.01


@given(
    arrays(np.int64, (4,), elements=st.integers(0, 20)),
    arrays(np.float64, (4,), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])),
    arrays(np.float64, (4,), elements=st.floats(-1e4, 1e4)),
    st.permutations(range(4)),
    st.sampled_from([n for n in ENTRIES if n not in ORACLES]),
)
def test_pi_is_a_distribution_and_names_of_arms_do_not_matter(
    counts: np.ndarray, averages: np.ndarray, weighted: np.ndarray, names: list[int], name: str
) -> None:
    """On arbitrary books, and after one more step in which arm 2 is played and pays .5."""
    policy, sums = policy_from_config(ENTRIES[name]), counts * averages

    def pis(order: list[int]) -> list[np.ndarray]:
        last, step = np.array([order.index(2)]), int(counts.sum())
        history = seen(counts[order].tolist(), sums[order].tolist(), step=step, last=last)
        history = replace(history, weighted=weighted[order][:, None])
        found = [policy(history)]
        if isinstance(policy, Learner):
            shown = np.arange(4)[:, None] == last
            found.append(policy(replace(history, own=policy.learn(history, shown, shown * 0.5, shown * 0.5))))
        return [pi[:, 0] for pi in found]

    for pi, renamed in zip(pis([0, 1, 2, 3]), pis(names), strict=True):
        assert (pi >= 0).all()
        assert pi.sum() == pytest.approx(1)
        if name not in SAMPLERS:
            assert renamed == pytest.approx(pi[names])


@given(arrays(np.float64, (12, 4), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])), st.permutations(range(4)))
def test_in_full_information_names_of_arms_never_matter(rewards: np.ndarray, names: list[int]) -> None:
    for name in set(ENTRIES) - {*SAMPLERS, *ORACLES, "explore-then-commit (m=2)"}:  # which commits to what it drew
        policy, seeds = policy_from_config(ENTRIES[name]), fold(0, np.arange(1))
        pi, renamed = (simulate(policy, r[None], seeds, full=True).policies[0] for r in (rewards, rewards[:, names]))
        assert renamed == pytest.approx(pi[:, names]), name


def test_labels_print_every_constant() -> None:
    assert [label(entry) for entry in ENTRIES.values()] == list(ENTRIES)
    assert {entry["policy"] for entry in ENTRIES.values()} == set(POLICIES)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ({"policy": "ucb2"}, "policy: must be one of"),
        ({"policy": "ucb", "constant": 1.0}, "growth"),
        ({"policy": "ucb", "constant": 1.0, "growth": "ln"}, "growth"),
        ({"policy": "ucb", "constant": -1.0, "growth": "log"}, "constant"),
        ({"policy": "eps_greedy", "epsilon": 1.1}, "epsilon"),
        ({"policy": "explore_then_commit", "pulls": 0}, "pulls"),
        ({"policy": "thompson_gaussian", "noise": 0, "prior_mean": 0.5, "prior_sd": 0.2}, "noise"),
        ({"policy": "exp3", "gamma": 0}, "gamma"),
        ({"policy": "exp3_s", "gamma": 1.1, "alpha": 0.1}, "gamma"),
        ({"policy": "exp3_s", "gamma": 0.1, "alpha": -0.1}, "alpha"),
        ({"policy": "sliding_window_ucb", "constant": 1.0, "window": 0}, "window"),
        ({"policy": "sliding_window_ucb", "constant": -1.0, "window": 5}, "constant"),
        ({"policy": "discounted_ucb", "constant": 1.0, "discount": 0}, "discount"),
        ({"policy": "discounted_ucb", "constant": -1.0, "discount": 0.9}, "constant"),
        ({"policy": "hedge", "eta": 0}, "eta"),
        ({"policy": "ftrl_l2", "eta": -1}, "eta"),
        ({"policy": "ftpl", "scale": 0}, "scale"),
        ({"policy": "per_step_oracle", "means": 1}, "means"),
        ({"policy": "greedy", "bonus": 1}, "bonus"),
    ],
)
def test_impossible_policies_are_refused_by_name(entry: dict, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        policy_from_config(entry)


def test_thompson_bernoulli_refuses_gaussian_rewards(gaussian: Task) -> None:
    with pytest.raises(ValueError, match="Bernoulli rewards"):
        play({"policy": "thompson_bernoulli"}, gaussian, draw(gaussian, 2))


def test_the_config_defines_only_policies_that_exist() -> None:
    config = yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text(encoding="utf-8"))
    labels = [label(entry) for entry in config["baselines"].values() if "tune" not in entry]
    assert all(label(one) for entry in config["baselines"].values() for one in candidates(entry))
    assert len(set(labels)) == len(labels)
    assert {entry["policy"] for entry in config["baselines"].values()} == set(POLICIES)
