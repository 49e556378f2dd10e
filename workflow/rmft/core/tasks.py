"""A task: the problem that a policy plays, and the scenarios and episodes drawn from it."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from rmft.core.drifts import DRIFTS, Adaptive, Constant, Drift, complaint
from rmft.core.priors import PRIORS, Prior
from rmft.core.rewards import PROCESSES, Bernoulli, Process
from rmft.core.seeding import derive, fold

CHOICES: dict[str, tuple[str, ...]] = {
    "environment": ("fol", "mab", "ns-mab"),
    "interaction": ("dialogue", "summary"),
    "output": ("action", "distribution"),
    "reasoning": ("free", "none", "asked"),
    "shown": ("raw", "importance_weighted"),
}
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Task:
    """One entry of ``tasks:`` in the config. ``arms`` is K, ``horizon`` is T.

    environment: fol (all arms' rewards are shown), mab (the chosen arm's), ns-mab (the same, and the means move).
    interaction: dialogue (the history as a conversation) or summary (aggregated statistics at each step).
    output: what a policy says, an action or a distribution pi_t. reasoning: before it, free, none, or asked for.
    shown: the reward as it is, or divided by pi_t(a_t).
    """

    name: str
    environment: str
    arms: int
    horizon: int
    means: Prior
    rewards: Process
    context: str
    drift: Drift = field(default_factory=Constant)
    interaction: str = "dialogue"
    output: str = "action"
    reasoning: str = "free"
    shown: str = "raw"

    def __post_init__(self) -> None:
        for said in _complaints(self):
            raise ValueError(f"tasks: {self.name}: {said}")


def _complaints(task: Task) -> Iterator[str]:
    """What makes the task impossible, each named by its key."""
    if task.arms < 2 or task.horizon < 1:
        yield "arms must be 2 or more and horizon 1 or more"
    for key, choices in CHOICES.items():
        if getattr(task, key) not in choices:
            yield f"{key}: must be one of {', '.join(choices)}, not {getattr(task, key)!r}"
    yield from _drift_complaints(task)
    if isinstance(task.rewards, Bernoulli):
        low, high = task.drift.bounds(*task.means.bounds, task.horizon)
        if not -_ROUNDING <= low <= high <= 1 + _ROUNDING:
            yield f"rewards: Bernoulli means must lie in [0, 1], not reach [{low:.4g}, {high:.4g}]"
    if task.shown != "raw" and (task.output != "distribution" or task.environment == "fol"):
        yield f"shown: {task.shown} needs output distribution and an environment other than fol"


def _drift_complaints(task: Task) -> Iterator[str]:
    """What is wrong with how the means move."""
    constant = isinstance(task.drift, Constant)
    if task.environment == "mab" and not constant:
        yield "drift: must be constant in mab; means move in ns-mab and fol"
    if task.environment == "ns-mab" and constant:
        yield "drift: must not be constant in ns-mab"
    if said := complaint(task.drift, task.means):
        yield f"drift: {said}"


def _part(task: str, key: str, kinds: dict[str, type], settings: dict) -> object:
    """One of ``kinds`` from {"kind": name, ...its parameters}; a ValueError names the key."""
    if not isinstance(settings, dict):
        raise ValueError(f"tasks: {task}: {key}: must be a mapping with kind, not {settings!r}")
    settings = {name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()}
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
    drift = _part(name, "drift", DRIFTS, entry.pop("drift", {"kind": "constant"}))
    return Task(name=name, means=means, rewards=rewards, drift=drift, **entry)


@dataclass(frozen=True)
class Episodes:
    """E episodes, ready to be played: all randomness of the environment is drawn beforehand.

    mean_rewards: E x 1 x K when stationary, E x T x K when not; hidden from the policy.
    rewards: E x T x K, of which a policy sees what its environment shows.
    seeds: uint64, one per episode: the policy's own stream.
    reaction: taken off the reward, and the mean, of the arm played at the step before (rmft.core.drifts.reacted).
    """

    scenario_ids: list[str]
    trajectory_ids: list[str]
    mean_rewards: np.ndarray
    rewards: np.ndarray
    seeds: np.ndarray
    reaction: float = 0.0

    def __len__(self) -> int:
        return len(self.trajectory_ids)


def draw_episodes(
    task: Task,
    *,
    split: str,
    seed: int,
    iteration: int,
    policy: str,
    scenarios: range,
    per_scenario: int,
    shared_rewards: bool = False,
) -> Episodes:
    """Draw ``per_scenario`` episodes of each scenario; with ``shared_rewards`` all of them meet the rewards of the first.

    Scenarios, their drifts and rewards depend on (task, split, seed, iteration, scenario, episode) alone, so that every
    policy meets the same ones (common random numbers); the policy's own seeds depend on ``policy`` (its model and
    method) too.
    """
    numbers, where = np.array(scenarios), (task.name, split, seed, iteration)
    scenario, episode = np.repeat(numbers, per_scenario), np.tile(np.arange(per_scenario), len(numbers))
    luck = episode * (not shared_rewards)
    drawn = task.means.draw(task.arms, seeds=fold(derive("scenario", *where), numbers))
    moved = task.drift.path(drawn, task.horizon, seeds=fold(derive("drift", *where), numbers), prior=task.means)
    means = np.repeat(moved, per_scenario, axis=0)
    full = np.broadcast_to(means, (len(scenario), task.horizon, task.arms))
    return Episodes(
        scenario_ids=[f"{split}-{seed}-{iteration}-{s}" for s in scenario],
        trajectory_ids=[f"{split}-{seed}-{iteration}-{s}-{e}" for s, e in zip(scenario, episode, strict=True)],
        mean_rewards=means,
        rewards=task.rewards.draw(full, seeds=fold(fold(derive("rewards", *where), scenario), luck)),
        seeds=fold(fold(derive("policy", policy, *where), scenario), episode),
        reaction=task.drift.penalty if isinstance(task.drift, Adaptive) else 0.0,
    )


def draw_heldout(task: Task, *, policy: str, scenarios: range) -> Episodes:
    """One episode on each held-out scenario: the same for every policy, seed and iteration, and never trained on."""
    return draw_episodes(
        task, split="evaluation", seed=0, iteration=0, policy=policy, scenarios=scenarios, per_scenario=1
    )


def under_suite(entry: dict, changes: dict) -> dict:
    """A task's entry with a suite's changes laid over it: keys replace, ``horizon_times`` multiplies the horizon,
    ``more_arms`` (negative: fewer) is added to the arms, and a bandit whose means come to move is non-stationary."""
    changes = dict(changes)
    horizon, arms = entry["horizon"] * changes.pop("horizon_times", 1), entry["arms"] + changes.pop("more_arms", 0)
    moves = entry["environment"] == "mab" and changes.get("drift", {"kind": "constant"})["kind"] != "constant"
    return entry | {"horizon": horizon, "arms": arms} | ({"environment": "ns-mab"} if moves else {}) | changes
