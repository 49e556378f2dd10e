"""Networks with numbers in and out as policies: kept in a folder, and played by the simulator of the baselines."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rmft.core.policies import play_through
from rmft.core.seeding import fold, normals
from rmft.core.seen import Seen
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import Play
from rmft.models.numeric import Numeric, make_numeric, to_space

SHAPE = ("architecture", "width", "heads", "depth", "space", "arms", "environment")
PLAYED_SPACES = ("logits", "simplex")


@dataclass(frozen=True)
class Network:
    """A network and what its raw vectors stand for. entry: the ``SHAPE`` of its folder's config.json."""

    net: Numeric
    entry: dict

    @property
    def arms(self) -> int:
        return self.entry["arms"]

    def policies(self, raw: Tensor) -> Tensor:
        """pi of raw vectors, ... x K."""
        return to_space(raw, self.entry["space"])


def untrained(entry: dict, *, seed: int) -> Network:
    """The network of an entry with the keys ``SHAPE``. Raises ValueError for an entry that is none."""
    if entry["space"] not in PLAYED_SPACES:
        raise ValueError(f"space: must be one of {', '.join(PLAYED_SPACES)} to play, not {entry['space']!r}")
    arms = entry["arms"]
    features = arms if entry["environment"] == "fol" else arms + 1
    return Network(make_numeric(entry, arms, features=features, seed=seed), {key: entry[key] for key in SHAPE})


def save(network: Network, folder: Path) -> None:
    """Write config.json and model.safetensors into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(network.entry, indent=1) + "\n", encoding="utf-8")
    save_file(network.net.state_dict(), folder / "model.safetensors")


def load(folder: Path) -> Network:
    """The network of a folder. Raises ValueError, naming it, where it holds none."""
    try:
        network = untrained(json.loads((folder / "config.json").read_text(encoding="utf-8")), seed=0)
        network.net.load_state_dict(load_file(folder / "model.safetensors"))
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise ValueError(f"{folder}: not a network ({error!r}); delete its policy.json and run again") from None
    return network


def history(play: Play, arms: int) -> np.ndarray:
    """What a network of ``arms`` arms reads of each step, E x T x F: R_t, or one-hot of a_t and the reward; see numeric."""
    told = play.pulled if play.vectors is None else play.vectors
    told = np.pad(told, ((0, 0), (0, 0), (0, arms - told.shape[2]))).astype(np.float32)
    if play.vectors is not None:
        return told
    return np.concatenate([told, play.rewards[:, :, None].astype(np.float32)], axis=2)


@dataclass(frozen=True)
class Exploration:
    """Gaussian noise on raw vectors while training data are gathered: drawn once per ``episode``, or at every ``step``."""

    scale: float
    per: str = "episode"

    def noise(self, seen: Seen, arms: int) -> np.ndarray:
        """K x E; each episode's from its own seed."""
        stream = fold(seen.seeds, 0 if self.per == "episode" else 1 + seen.step)
        return self.scale * normals(stream, np.arange(arms)[:, None])


@dataclass(frozen=True)
class Player:
    """A network as a policy of rmft.core.policies; its memory is its next raw vector and its state.

    A task with fewer arms than the network has pays 0 on the others, which are never played.
    """

    network: Network
    full: bool
    exploration: Exploration | None = None

    def _memory(self, seen: Seen) -> tuple:
        net = self.network.net
        return seen.own or net.step(net.start(len(seen.seeds)), None)

    def __call__(self, seen: Seen) -> np.ndarray:
        arms = len(seen.counts)
        raw = self._memory(seen)[0][:, :arms].double()
        if self.exploration:
            raw = raw + torch.from_numpy(self.exploration.noise(seen, arms).T)
        return self.network.policies(raw).numpy().T

    def learn(self, seen: Seen, shown: np.ndarray, reward: np.ndarray, weighted: np.ndarray) -> tuple:
        """One more entry of the history."""
        told = np.zeros((len(seen.seeds), self.network.arms + (not self.full)), np.float32)
        told[:, : len(shown)] = (reward if self.full else shown).T
        if not self.full:
            told[:, -1] = reward.sum(axis=0)
        return self.network.net.step(self._memory(seen)[1], torch.from_numpy(told))


def play(network: Network, task: Task, episodes: Episodes, exploration: Exploration | None = None) -> Play:
    """Play all episodes at once, each step of them one pass; pi_t as played, noise and all, is kept.

    Raises ValueError where the network was made for another environment or for fewer arms.
    """
    full = task.environment == "fol"
    if full != (network.entry["environment"] == "fol") or task.arms > network.arms:
        raise ValueError(
            f"not of the task {task.name}: made for {network.entry['environment']} with {network.arms} arms"
        )
    with torch.inference_mode():
        return play_through(Player(network, full, exploration), task, episodes, keep=True)
