"""A task: the problem that a policy plays, and the scenarios and episodes drawn from it."""

from dataclasses import dataclass

import numpy as np

from rmft.core.priors import PRIORS, Prior
from rmft.core.rewards import PROCESSES, Bernoulli, Process
from rmft.core.seeding import derive, fold


@dataclass(frozen=True)
class Task:
    """One entry of ``tasks:`` in the config. ``arms`` is K, ``horizon`` is T."""

    name: str
    environment: str
    arms: int
    horizon: int
    means: Prior
    rewards: Process
    context: str

    def __post_init__(self) -> None:
        low, high = self.means.bounds
        if self.arms < 2 or self.horizon < 1:
            raise ValueError(f"tasks: {self.name}: arms must be 2 or more and horizon 1 or more")
        if isinstance(self.rewards, Bernoulli) and not 0 <= low <= high <= 1:
            raise ValueError(f"tasks: {self.name}: Bernoulli means must lie in [0, 1], not [{low}, {high}]")


def _part(task: str, key: str, kinds: dict[str, type], settings: dict) -> object:
    """One of ``kinds`` from {"kind": name, ...its parameters}; a ValueError names the key."""
    settings = dict(settings)
    kind = settings.pop("kind", None)
    if kind not in kinds:
        raise ValueError(f"tasks: {task}: {key}: kind must be one of {', '.join(kinds)}, not {kind!r}")
    try:
        return kinds[kind](**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"tasks: {task}: {key}: {error}") from None


def task_from_config(name: str, entry: dict) -> Task:
    """The task of a config entry. Raises ValueError, naming the key, for one that cannot be."""
    entry = dict(entry)
    means = _part(name, "means", PRIORS, entry.pop("means"))
    rewards = _part(name, "rewards", PROCESSES, entry.pop("rewards"))
    return Task(name=name, means=means, rewards=rewards, **entry)


@dataclass(frozen=True)
class Episodes:
    """E episodes, ready to be played: all randomness of the environment is drawn beforehand.

    mean_rewards: E x 1 x K when stationary, E x T x K when not; hidden from the policy.
    rewards: E x T x K, of which a policy sees what its environment shows.
    seeds: uint64, one per episode: the policy's own stream.
    """

    scenario_ids: list[str]
    trajectory_ids: list[str]
    mean_rewards: np.ndarray
    rewards: np.ndarray
    seeds: np.ndarray

    def __len__(self) -> int:
        return len(self.trajectory_ids)


def draw_episodes(
    task: Task, *, split: str, seed: int, iteration: int, policy: str, scenarios: range, per_scenario: int
) -> Episodes:
    """Draw ``per_scenario`` episodes of each scenario.

    Scenarios and rewards depend on (task, split, seed, iteration, scenario, episode) alone, so that every policy meets
    the same ones (common random numbers); the policy's own seeds depend on ``policy`` (its model and method) too.
    """
    numbers, where = np.array(scenarios), (task.name, split, seed, iteration)
    scenario, episode = np.repeat(numbers, per_scenario), np.tile(np.arange(per_scenario), len(numbers))
    drawn = task.means.draw(task.arms, seeds=fold(derive("scenario", *where), numbers))
    means = np.repeat(drawn, per_scenario, axis=0)[:, None, :]
    full = np.broadcast_to(means, (len(scenario), task.horizon, task.arms))
    return Episodes(
        scenario_ids=[f"{split}-{seed}-{iteration}-{s}" for s in scenario],
        trajectory_ids=[f"{split}-{seed}-{iteration}-{s}-{e}" for s, e in zip(scenario, episode, strict=True)],
        mean_rewards=means,
        rewards=task.rewards.draw(full, seeds=fold(fold(derive("rewards", *where), scenario), episode)),
        seeds=fold(fold(derive("policy", policy, *where), scenario), episode),
    )


def draw_heldout(task: Task, *, policy: str, scenarios: range) -> Episodes:
    """One episode on each held-out scenario: the same for every policy, seed and iteration, and never trained on."""
    return draw_episodes(
        task, split="evaluation", seed=0, iteration=0, policy=policy, scenarios=scenarios, per_scenario=1
    )
