from dataclasses import replace

import numpy as np
import pytest

from rmft.core.oracles import BestFixedArm, PerStepOracle
from rmft.core.policies import Played, play, simulate
from rmft.core.tasks import Episodes, Task, draw_episodes

BEST, STEP = {"policy": "best_fixed_arm"}, {"policy": "per_step_oracle"}


def drawn(task: Task, *, drifting: bool = False) -> Episodes:
    where = {"split": "test", "seed": 0, "iteration": 0, "policy": "p"}
    episodes = draw_episodes(task, **where, scenarios=range(200), per_scenario=1)
    if not drifting:
        return episodes
    rng, shape = np.random.default_rng(0), episodes.rewards.shape
    return replace(episodes, mean_rewards=rng.choice([0.25, 0.5, 0.75], shape), rewards=rng.random(shape))


def dynamic_regret(did: Played, means: np.ndarray) -> np.ndarray:
    """sum_t max_a r_t(a) - r_t(a_t), E."""
    means = np.broadcast_to(means, (*did.actions.shape, means.shape[2]))
    return (means.max(axis=2) - np.take_along_axis(means, did.actions[:, :, None], axis=2)[:, :, 0]).sum(axis=1)


def full_regret(did: Played, rewards: np.ndarray) -> np.ndarray:
    """max_a sum_t R_t(a) - sum_t <pi_t, R_t>, E."""
    return rewards.sum(axis=1).max(axis=1) - (did.policies * rewards).sum(axis=2).sum(axis=1)


@pytest.mark.parametrize("entry", [BEST, STEP])
def test_on_a_stationary_bandit_an_oracle_has_no_regret(entry: dict, gaussian: Task, hard: Task) -> None:
    for task in (gaussian, hard):
        episodes = drawn(task)
        assert (dynamic_regret(play(entry, task, episodes), episodes.mean_rewards) == 0).all()


def test_the_per_step_oracle_has_no_dynamic_regret(hard: Task) -> None:
    episodes = drawn(hard, drifting=True)
    assert (dynamic_regret(play(STEP, hard, episodes), episodes.mean_rewards) == 0).all()
    assert (dynamic_regret(play(BEST, hard, episodes), episodes.mean_rewards) > 0).all()


def test_the_best_fixed_arm_has_no_regret_in_full_information(hard: Task) -> None:
    """Rewards are 0 or 1, so that arms tie often; each episode keeps to one of them."""
    episodes, task = drawn(hard), replace(hard, environment="fol")
    did = play(BEST, task, episodes)
    assert (full_regret(did, episodes.rewards) == 0).all()
    assert (did.actions == did.actions[:, :1]).all()
    assert (full_regret(play(STEP, task, episodes), episodes.rewards) > 0).any()


def test_on_a_drifting_bandit_the_best_fixed_arm_has_the_largest_sum_of_means(hard: Task) -> None:
    episodes = drawn(hard, drifting=True)
    total = episodes.mean_rewards.sum(axis=1)
    chosen = np.take_along_axis(total, play(BEST, hard, episodes).actions[:, :1], axis=1)[:, 0]
    assert (chosen == total.max(axis=1)).all()


def test_tied_arms_are_chosen_alike(hard: Task) -> None:
    episodes = drawn(hard)
    level = replace(episodes, mean_rewards=np.full_like(episodes.mean_rewards, 0.5))
    share = np.bincount(BestFixedArm().told(level, full=False, reaction=0.0).actions, minlength=5) / 200
    assert np.abs(share - 0.2).max() < 4 * np.sqrt(0.2 * 0.8 / 200)


@pytest.mark.parametrize(("penalty", "stays"), [(0.1, True), (0.7, False)])
def test_the_per_step_oracle_reckons_with_the_reaction(penalty: float, stays: bool, hard: Task) -> None:
    """Best arm .6, the others .4: a small penalty is borne, a large one dodged at every step."""
    episodes = drawn(hard)
    policy = PerStepOracle().told(episodes, full=False, reaction=penalty)
    did = simulate(policy, episodes.rewards, episodes.seeds, reaction=penalty)
    realised = np.repeat(episodes.mean_rewards, 100, axis=1)
    realised[:, 1:] -= penalty * (did.actions[:, :-1, None] == np.arange(5))
    assert (dynamic_regret(did, realised) == 0).all()
    assert (did.actions[:, 1:] == did.actions[:, :-1]).all() == stays
