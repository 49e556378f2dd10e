"""Fine-tuning of networks with numbers in and out: towards the policies that were selected, and what to compare it with."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from rmft.core.trajectory import Play
from rmft.models.numbers import Network, history
from rmft.models.schedule import warm_up_and_cosine


@dataclass(frozen=True)
class Data:
    """E trajectories: what the network reads (E x T x F) and what it is to learn (E x T x K)."""

    history: Tensor
    wanted: Tensor

    def __len__(self) -> int:
        return len(self.history)

    def take(self, rows: np.ndarray) -> "Data":
        """Some of them."""
        return Data(self.history[rows], self.wanted[rows])


def hindsight(play: Play) -> np.ndarray:
    """The best policy in hindsight, E x T x K: in full information the arm with the largest sum of rewards; on bandits the
    arm with the largest mean, of each step where means move."""
    values = play.means if play.vectors is None else play.vectors.sum(axis=1, keepdims=True)
    best = values.argmax(axis=2)[:, :, None] == np.arange(values.shape[2])
    return np.broadcast_to(best, play.pulled.shape).astype(np.float64)


def data_of(play: Play, targets: str, arms: int) -> Data:
    """What a network of ``arms`` arms learns from: all (the policies as they were played), hindsight, or regret (the reward
    vectors). Raises ValueError where the trajectories do not say it."""
    wanted = {"all": play.policies, "hindsight": hindsight(play), "regret": play.vectors}[targets]
    if wanted is None:
        raise ValueError(
            f"--targets: {targets} needs {'reward vectors: full information' if play.policies is not None else 'policies'}"
        )
    return Data(torch.from_numpy(history(play, arms)), torch.from_numpy(wanted.astype(np.float32)))


def regret_loss(policies: Tensor, rewards: Tensor) -> Tensor:
    """Mean of max(Regret, 0)^2 over trajectories; policies and reward vectors B x T x K.

    The form of Park et al. (arXiv 2403.16843) as we recall it: E[h(Regret)] with h(x) = max(x, 0)^2 and one sequence each.
    """
    regret = rewards.sum(dim=1).amax(dim=1) - (policies * rewards).sum(dim=(1, 2))
    return regret.clamp(min=0).square().mean()


def loss_of(network: Network, data: Data, *, targets: str, loss: str) -> Tensor:
    """Mean over steps and trajectories: cross_entropy, or squared distance, to the wanted policies; or the regret loss."""
    raw = network.net(data.history)
    if targets == "regret":
        return regret_loss(network.policies(raw), data.wanted)
    if loss == "cross_entropy":
        return cross_entropy(raw.flatten(0, 1), data.wanted.flatten(0, 1))
    return (network.policies(raw) - data.wanted).square().sum(dim=-1).mean()


def imitate(
    network: Network, train: Data, validation: Data | None, settings: dict, *, targets: str, seed: int
) -> list[dict]:
    """Train the network where it stands; returns the learning curve, one point per epoch.

    settings: loss, epochs, batch (trajectories), learning_rate (warm-up, then cosine). Raises ValueError for a loss that is
    not finite, and for cross-entropy where the network's space is not logits.
    """
    if settings["loss"] == "cross_entropy" and network.entry["space"] != "logits":
        raise ValueError("loss: cross_entropy needs the space logits; squared fits every space")
    rng, how = np.random.default_rng(seed), {"targets": targets, "loss": settings["loss"]}
    parameters = list(network.net.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=settings["learning_rate"], betas=(0.9, 0.98), weight_decay=0.0)
    batches = math.ceil(len(train) / settings["batch"])
    schedule = warm_up_and_cosine(optimizer, settings["epochs"] * batches)
    curve = [{"epoch": 0, "train_loss": None, "validation_loss": _watched(network, validation, how)}]
    for epoch in range(1, settings["epochs"] + 1):
        total = 0.0
        for rows in np.array_split(rng.permutation(len(train)), batches):
            loss = loss_of(network, train.take(rows), **how)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item() * len(rows)
        point = {"train_loss": total / len(train), "validation_loss": _watched(network, validation, how)}
        curve.append({"epoch": epoch, **point})
    if not math.isfinite(total):
        raise ValueError("sft: the training loss is not finite; lower learning_rate")
    return curve


def _watched(network: Network, data: Data | None, how: dict) -> float | None:
    if data is None:
        return None
    with torch.inference_mode():
        return loss_of(network, data, **how).item()
