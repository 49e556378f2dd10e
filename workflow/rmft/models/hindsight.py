"""Gradient descent on the squared distance to a target policy: of the best in hindsight, or of what a rollout selected.

    loss = mean over episodes of sum_t ||raw_t - target_t||^2

on fresh Gaussian rewards at every step, so that training and held-out loss are one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from rmft.core.theorem import Law
from rmft.models.numeric import Numeric

Batch = tuple[Tensor, Tensor]  # rewards B x T x d; targets B x T x d or, the same at every step, B x 1 x d


@dataclass(frozen=True)
class Course:
    """Optimiser steps of Adam, episodes in each, and its first learning rate, which falls to 0 in a straight line."""

    steps: int
    batch: int
    learning_rate: float


def course_of(entry: dict) -> Course:
    """The course of a config entry, which may say more."""
    return Course(entry["steps"], entry["batch"], entry["learning_rate"])


def best_in_hindsight(rewards: Tensor, space: str, radius: float = 1.0) -> Tensor:
    """pi*, B x 1 x d, from rewards, B x T x d: r S / ||S|| on the ball, one-hot argmax S elsewhere."""
    total = rewards.sum(dim=1, keepdim=True)
    if space == "ball":
        return radius * total / total.norm(dim=-1, keepdim=True)
    return torch.nn.functional.one_hot(total.argmax(dim=-1), total.shape[-1]).to(total.dtype)


class Rewards:
    """Fresh episodes of a law, B x T x d, from a generator of torch."""

    def __init__(self, law: Law, *, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.horizon = law.horizon
        self.mean = torch.tensor(law.mean, dtype=torch.float32)
        self.root = torch.linalg.cholesky(torch.tensor(law.covariance)).float()

    def draw(self, batch: int) -> Tensor:
        """So many episodes."""
        z = torch.randn(batch, self.horizon, len(self.mean), generator=self.generator)
        return torch.addmm(self.mean, z.flatten(0, 1), self.root.T).view_as(z)


def squared_distance(raw: Tensor, targets: Tensor) -> Tensor:
    """The loss; raw B x T x d, targets B x T x d or B x 1 x d."""
    return (raw - targets).square().sum(dim=(1, 2)).mean()


def train(model: Numeric, draw: Callable[[int], Batch], course: Course) -> Iterator[tuple[int, float, Numeric]]:
    """Train the model where it stands; yields, about 40 times, the steps made, the loss and the model to judge by.

    That model is the average of the weights since half of the steps (Polyak, Juditsky 1992), before that the model itself;
    the last one yielded is the result.
    """
    average = AveragedModel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=course.learning_rate, fused=True)
    marks = {round(course.steps ** (i / 40)) for i in range(1, 40)} | {course.steps}
    for step in range(1, course.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = course.learning_rate * (1 - (step - 1) / course.steps)
        rewards, targets = draw(course.batch)
        loss = squared_distance(model(rewards), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if late := 2 * step > course.steps:
            average.update_parameters(model)
        if step in marks:
            yield step, loss.item(), average.module if late else model
