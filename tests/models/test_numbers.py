import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from rmft.core.seen import Seen
from rmft.core.tasks import Task, draw_episodes, task_from_config
from rmft.models.numbers import Exploration, Network, history, load, play, save, untrained

ENTRY = {"architecture": "transformer", "width": 16, "heads": 2, "depth": 2, "space": "logits"}
MEANS = {"means": {"kind": "uniform", "low": 0.1, "high": 0.9}, "rewards": {"kind": "gaussian", "noise": 0.3}}


def a_task(environment: str, arms: int = 3, **more: object) -> Task:
    return task_from_config(
        "small", {"environment": environment, "arms": arms, "horizon": 7, "context": "buttons", **MEANS, **more}
    )


def a_network(environment: str, architecture: str = "transformer", arms: int = 3) -> Network:
    entry = ENTRY | {
        "architecture": architecture,
        "arms": arms,
        "environment": "fol" if environment == "fol" else "mab",
    }
    network = untrained(entry, seed=1)
    with torch.no_grad():
        for parameter in network.net.parameters():  # far from uniform, so that a policy depends on its history
            parameter.add_(0.2 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(0)))
    return network


def drawn(task: Task, size: int = 40, **more: object) -> object:
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "test"}
    return draw_episodes(task, **where, scenarios=range(size), per_scenario=2, **more)


@pytest.mark.parametrize("environment", ["fol", "mab"])
@pytest.mark.parametrize("architecture", ["linear", "softmax", "transformer"])
def test_what_was_played_is_what_one_pass_over_the_record_says(environment: str, architecture: str) -> None:
    network, task = a_network(environment, architecture), a_task(environment)
    did = play(network, task, drawn(task))
    with torch.no_grad():
        said = network.policies(network.net(torch.from_numpy(history(did, 3)))).numpy()
    np.testing.assert_allclose(did.policies, said, atol=1e-5)
    assert np.ptp(did.policies, axis=0).max() > 0.01


def test_actions_come_from_the_policies_and_pay_what_was_drawn() -> None:
    task = a_task("mab")
    episodes = drawn(task, 4000)
    did = play(a_network("mab"), task, episodes)
    np.testing.assert_allclose(did.pulled.mean(axis=0), did.policies.mean(axis=0), atol=0.03)
    assert (did.rewards == np.take_along_axis(episodes.rewards, did.actions[:, :, None], 2)[:, :, 0]).all()


def test_noise_of_an_episode_moves_every_step_alike_and_that_of_steps_does_not() -> None:
    seeds = np.arange(2000, dtype=np.uint64)
    at = [Seen(t, *(np.zeros((3, 1)),) * 3, np.zeros(1), seeds) for t in (0, 4)]
    same, other = ([Exploration(2.0, per).noise(seen, 3) for seen in at] for per in ("episode", "step"))
    assert (same[0] == same[1]).all()
    assert abs(np.corrcoef(other[0].ravel(), other[1].ravel())[0, 1]) < 0.05
    assert same[0].std() == pytest.approx(2.0, rel=0.05)


def test_rollouts_of_a_scenario_differ_by_exploration_alone_where_they_share_rewards() -> None:
    task, network = a_task("fol"), a_network("fol")
    episodes = drawn(task, shared_rewards=True)
    assert (episodes.rewards[0::2] == episodes.rewards[1::2]).all()
    still = play(network, task, episodes).policies
    np.testing.assert_allclose(still[0::2], still[1::2], atol=1e-6)
    moved = play(network, task, episodes, Exploration(1.0)).policies
    assert (np.abs(moved[0::2] - moved[1::2]) > 1e-3).any(axis=(1, 2)).all()


def test_an_episode_depends_on_itself_alone() -> None:
    task, network = a_task("mab"), a_network("mab")
    few, many = (play(network, task, drawn(task, size), Exploration(1.0)) for size in (10, 50))
    assert (few.actions == many.actions[:20]).all()
    np.testing.assert_allclose(few.policies, many.policies[:20], atol=1e-6)


def test_fewer_arms_are_played_as_the_first_of_the_network() -> None:
    task = a_task("mab", arms=2)
    did = play(a_network("mab"), task, drawn(task))
    assert did.policies.shape[2] == 2
    np.testing.assert_allclose(did.policies.sum(axis=2), 1)
    with pytest.raises(ValueError, match="made for mab with 3 arms"):
        play(a_network("mab"), a_task("mab", arms=4), drawn(a_task("mab", arms=4)))
    with pytest.raises(ValueError, match="made for mab"):
        play(a_network("mab"), a_task("fol"), drawn(a_task("fol")))


def test_a_folder_gives_back_the_network_and_says_what_is_wrong_with_it(tmp_path) -> None:
    network = a_network("fol")
    save(network, tmp_path / "model")
    back = load(tmp_path / "model")
    assert back.entry == network.entry
    assert all((a == b).all() for a, b in zip(back.net.parameters(), network.net.parameters(), strict=True))
    (tmp_path / "model/config.json").write_text(json.dumps(replace(network, entry=network.entry | {"width": 8}).entry))
    with pytest.raises(ValueError, match=r"model: not a network"):
        load(tmp_path / "model")
    with pytest.raises(ValueError, match="space: must be one of logits, simplex"):
        untrained(network.entry | {"space": "ball"}, seed=0)
