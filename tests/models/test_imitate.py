from dataclasses import replace

import numpy as np
import pytest
import torch

from rmft.core.trajectory import Play
from rmft.models.imitate import Data, data_of, hindsight, imitate, loss_of, regret_loss
from rmft.models.numbers import Network, untrained

ENTRY = {"architecture": "transformer", "width": 8, "heads": 2, "depth": 1, "space": "logits", "arms": 2}
SETTINGS = {"loss": "cross_entropy", "epochs": 6, "batch": 32, "learning_rate": 0.01}


def fresh(space: str = "logits") -> Network:
    return untrained(ENTRY | {"environment": "fol", "space": space}, seed=0)


def some(size: int = 24) -> Data:
    rng = np.random.default_rng(0)
    told, wanted = rng.normal(size=(size, 5, 2)), rng.dirichlet([1, 1], size=(size, 5))
    return Data(torch.from_numpy(told.astype(np.float32)), torch.from_numpy(wanted.astype(np.float32)))


@pytest.mark.parametrize(
    ("targets", "loss", "space"),
    [
        ("all", "cross_entropy", "logits"),
        ("all", "squared", "logits"),
        ("all", "squared", "simplex"),
        ("regret", "squared", "logits"),
    ],
)
def test_gradients_are_the_finite_differences_of_the_loss(targets: str, loss: str, space: str) -> None:
    network, data = fresh(space), some()
    network.net.double()
    data = Data(data.history.double(), data.wanted.double())
    loss_of(network, data, targets=targets, loss=loss).backward()
    rng, step = np.random.default_rng(1), 1e-6
    for parameter in network.net.parameters():
        at = int(rng.integers(parameter.numel()))
        found, flat = parameter.grad.flatten()[at].item(), parameter.data.view(-1)
        values = []
        for sign in (1, -2, 1):
            flat[at] += sign * step
            values.append(loss_of(network, data, targets=targets, loss=loss).item())
        assert found == pytest.approx((values[0] - values[1]) / (2 * step), abs=1e-6)


def test_losses_of_known_policies() -> None:
    rewards = torch.tensor([[[1.0, 0.0], [1.0, 0.0]], [[0.0, 1.0], [1.0, 0.0]]])
    half, follow = torch.full((2, 2, 2), 0.5), torch.tensor([[[1.0, 0.0]] * 2, [[0.0, 1.0], [1.0, 0.0]]])
    assert regret_loss(half, rewards).item() == pytest.approx(0.5)  # regrets 1 and 0
    assert regret_loss(follow, rewards).item() == 0  # regrets 0 and -1, which counts as 0


def test_hindsight_is_the_best_arm_of_what_regret_compares_with() -> None:
    means = np.array([[[0.1, 0.9]], [[0.8, 0.2]]])
    actions, rewards = np.zeros((2, 3), int), np.zeros((2, 3))
    assert (hindsight(Play(actions, rewards, means)).argmax(axis=2) == [[1] * 3, [0] * 3]).all()
    vectors = np.array([[[5.0, 0.0], [0.0, 1.0], [0.0, 1.0]]] * 2)  # a sum of 5 against 2, whatever the means
    assert (hindsight(Play(actions, rewards, means, vectors)).argmax(axis=2) == 0).all()
    moving = np.array([[[0.1, 0.9], [0.9, 0.1], [0.1, 0.9]]] * 2)
    assert (hindsight(Play(actions, rewards, moving)).argmax(axis=2) == [1, 0, 1]).all()


def test_imitation_learns_what_is_wanted_and_the_same_seed_gives_the_same_weights() -> None:
    told = torch.from_numpy(np.random.default_rng(0).normal(size=(256, 5, 2)).astype(np.float32))
    before = torch.cat([torch.zeros(256, 1, 2), told.cumsum(dim=1)[:, :-1]], dim=1)
    data = Data(told, before.softmax(dim=-1))
    networks = [fresh(), fresh(), fresh()]
    curves = [imitate(n, data, data, SETTINGS, targets="all", seed=s) for n, s in zip(networks, (0, 0, 1), strict=True)]
    losses = [point["validation_loss"] for point in curves[0]]
    entropy = -(data.wanted * data.wanted.log()).sum(dim=-1).mean().item()
    assert losses[-1] - entropy < 0.5 * (losses[0] - entropy)
    weights = [torch.cat([p.flatten() for p in n.net.parameters()]) for n in networks]
    assert (weights[0] == weights[1]).all()
    assert (weights[0] != weights[2]).any()


def test_what_cannot_be_learnt_is_said() -> None:
    play = Play(np.zeros((1, 2), int), np.zeros((1, 2)), np.ones((1, 1, 2)), policies=np.full((1, 2, 2), 0.5))
    with pytest.raises(ValueError, match="regret needs reward vectors"):
        data_of(play, "regret", 2)
    with pytest.raises(ValueError, match="all needs policies"):
        data_of(replace(play, policies=None), "all", 2)
    with pytest.raises(ValueError, match="cross_entropy needs the space logits"):
        imitate(fresh("simplex"), some(), None, SETTINGS, targets="all", seed=0)
    with pytest.raises(ValueError, match="not finite"):
        imitate(fresh(), Data(some().history * torch.nan, some().wanted), None, SETTINGS, targets="all", seed=0)
