"""Losses, targets and training towards the best in hindsight, and selection from trajectories."""

import numpy as np
import pytest
import torch

from rmft.core import theorem
from rmft.models.hindsight import Course, Rewards, best_in_hindsight, squared_distance, train
from rmft.models.numeric import make_numeric
from rmft.models.selecting import selected


@pytest.mark.parametrize(
    "entry",
    [
        {"architecture": "linear", "width": 3},
        {"architecture": "softmax", "width": 4, "heads": 2},
        {"architecture": "transformer", "width": 4, "heads": 2, "depth": 2},
    ],
    ids=lambda entry: entry["architecture"],
)
def test_gradients_of_the_loss_by_finite_differences(entry: dict) -> None:
    model = make_numeric(entry, 2, seed=3).double()
    x = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    target, h = best_in_hindsight(x, "ball"), 1e-6
    squared_distance(model(x), target).backward()
    for p in model.parameters():
        place, values = (0,) * p.ndim, []
        for sign in (1, -1):
            with torch.no_grad():
                p[place] += sign * h
                values.append(squared_distance(model(x), target).item())
                p[place] -= sign * h
        assert (values[0] - values[1]) / (2 * h) == pytest.approx(p.grad[place].item(), abs=1e-6, rel=1e-5)


@pytest.mark.parametrize("space", theorem.SPACES)
def test_targets_are_those_of_the_core(space: str) -> None:
    x = torch.randn(9, 4, 3, dtype=torch.float64)
    known = theorem.hindsight(space, x.numpy().sum(axis=1), 2.0)
    np.testing.assert_allclose(best_in_hindsight(x, space, 2.0)[:, 0].numpy(), known, atol=1e-12)


def test_rewards_have_their_law_and_come_from_their_seed() -> None:
    law = theorem.Law(np.array([1.0, -1.0]), np.array([[2.0, 0.6], [0.6, 0.5]]), 3)
    x = Rewards(law, seed=1).draw(100_000)
    flat = x.flatten(0, 1).double().numpy()
    np.testing.assert_allclose(flat.mean(axis=0), law.mean, atol=0.02)
    np.testing.assert_allclose(np.cov(flat.T), law.covariance, atol=0.03)
    assert torch.equal(Rewards(law, seed=1).draw(5), Rewards(law, seed=1).draw(5))
    assert not torch.equal(Rewards(law, seed=1).draw(5), Rewards(law, seed=2).draw(5))


@pytest.mark.parametrize("space", theorem.SPACES)
def test_gradient_descent_reaches_the_closed_form(space: str) -> None:
    """d = 2, T = 25, s = 1: within 2%; at first it is far off."""
    law = theorem.Law(np.zeros(2), np.eye(2), 25)
    known, rewards = theorem.readout(space, law), Rewards(law, seed=0)

    def draw(batch: int) -> tuple[torch.Tensor, torch.Tensor]:
        x = rewards.draw(batch)
        return x, best_in_hindsight(x, space)

    errors = []
    for _, _, model in train(make_numeric({"architecture": "linear", "width": 4}, 2), draw, Course(300, 128, 0.01)):
        errors.append(np.linalg.norm(model.readout()[1].numpy() - known.V) / np.linalg.norm(known.V))
    assert errors[0] > 0.3
    assert errors[-1] < 0.02


def test_one_of_many_trajectories_is_the_best_in_hindsight() -> None:
    stream = torch.Generator().manual_seed(0)
    x = torch.randn(200, 6, 2, generator=stream)
    best = best_in_hindsight(x, "ball")[:, 0]
    cosines = []
    for L in (2, 32, 512):
        target = selected(x, "ball", L, 1, "trajectory", generator=stream)
        assert target.shape == (200, 1, 2)
        cosines.append((target[:, 0] * best).sum(-1).mean().item())
    assert cosines[0] < cosines[1] < cosines[2]
    assert cosines[2] > 0.98


def test_noise_by_step_selects_who_guessed_the_rewards() -> None:
    """What is selected leans to the reward of its own step, and on average nowhere at steps that paid nothing."""
    stream = torch.Generator().manual_seed(0)
    x = torch.zeros(4000, 2, 2)
    x[:, 0, 0] = 1.0
    target = selected(x, "ball", 16, 2, "step", generator=stream)
    assert target.shape == (4000, 2, 2)
    assert target[:, 0, 0].mean() > 0.7
    assert target[:, 1].mean(dim=0).abs().max() < 0.05


def test_all_of_l_is_no_selection_and_k_is_averaged() -> None:
    stream = torch.Generator().manual_seed(0)
    target = selected(torch.ones(2000, 3, 4), "simplex", 8, 8, "trajectory", generator=stream)
    np.testing.assert_allclose(target.mean(dim=(0, 1)).numpy(), 0.25, atol=0.02)
    assert torch.allclose(target.sum(-1), torch.ones(2000, 1), atol=1e-5)


def test_another_noise_is_refused() -> None:
    with pytest.raises(ValueError, match="noise: must be one of trajectory, step, not 'arm'"):
        selected(torch.ones(1, 2, 2), "ball", 2, 1, "arm", generator=torch.Generator())
