"""Fixed histories of a task, chosen by rule, on which every policy is asked what it thinks: plain ones and traps [ours].

They depend on the task alone, so that the base policy and a trained one answer the same. Traps: the paper's third experiment
as far as it is told (an arm that is bad and was lucky, a reward that fluctuates).
"""

from dataclasses import dataclass

import numpy as np

from rmft.core.rewards import Bernoulli
from rmft.core.seeding import derive, fold, generator
from rmft.core.tasks import Episodes, Task, draw_episodes
from rmft.core.trajectory import realised_means

_CANDIDATES = 4096  # scenarios among which a lucky bad arm is looked for
_TRIES = 2  # of the bad arm
_LEAD = 0.01  # of the bad arm's average over the others': as much as two decimals show
_DRAWS = 64  # rewards whose least and greatest are the swing of a reward that fluctuates
_PULLS = 4  # of each arm, at most, where a reward fluctuates


@dataclass(frozen=True)
class Histories:
    """N histories of S steps, and the step at which is asked.

    episodes: N, of S + 1 steps or more. actions: int, N x S. traps: int, N, the arm that is not what it seems (-1: none).
    """

    kind: str
    episodes: Episodes
    actions: np.ndarray
    traps: np.ndarray

    def __len__(self) -> int:
        return len(self.traps)


def histories(task: Task, number: int) -> list[Histories]:
    """Of each kind ``number`` histories, or as many as the task has. Raises ValueError for a task of one step."""
    if task.horizon < 2:
        raise ValueError(f"tasks: {task.name}: horizon 1 has no history to ask about")
    kinds = [_plain(task, number), _lucky_bad_arm(task, number), _fluctuating(task, number)]
    return [kind for kind in kinds if len(kind)]


def _steps(task: Task) -> int:
    """S: half an episode, and more steps than arms where there is room."""
    return min(task.horizon - 1, max(task.arms + 1, task.horizon // 2))


def _drawn(task: Task, kind: str, number: int) -> Episodes:
    where = {"split": f"probe-{kind}", "seed": 0, "iteration": 0, "policy": "probe"}
    return draw_episodes(task, **where, scenarios=range(number), per_scenario=1)


def _plain(task: Task, number: int) -> Histories:
    """Scenarios of the task, each action any arm with the same chance."""
    actions = generator("probe", task.name, "plain").integers(task.arms, size=(number, _steps(task)))
    return Histories("plain", _drawn(task, "plain", number), actions, np.full(number, -1))


def _lucky_bad_arm(task: Task, number: int) -> Histories:
    """The arm of the lowest mean was tried twice, the others in turn, in any order. Among 4096 scenarios of the task those
    in which its average is yet the highest, and of these the ones whose means lie furthest apart (at the step asked)."""
    drawn, steps = _drawn(task, "lucky-bad-arm", _CANDIDATES), _steps(task)
    means = drawn.mean_rewards[:, min(steps, drawn.mean_rewards.shape[1] - 1)]
    worst, tries = means.argmin(axis=1), min(_TRIES, steps)
    in_turn = (worst[:, None] + 1 + np.arange(steps - tries) % (task.arms - 1)) % task.arms
    actions = np.concatenate([np.repeat(worst[:, None], tries, axis=1), in_turn], axis=1)
    actions = generator("probe", task.name, "lucky-bad-arm").permuted(actions, axis=1)
    averages = _averages(task, drawn, actions)
    bad = np.arange(task.arms) == worst[:, None]
    lead = averages[bad] - np.where(bad, -np.inf, averages).max(axis=1)
    apart = np.where(lead > _LEAD, means.max(axis=1) - means.min(axis=1), -np.inf)
    chosen = np.argsort(-apart, kind="stable")[: min(number, int((lead > _LEAD).sum()))]
    return Histories("lucky-bad-arm", _rows(drawn, chosen), actions[chosen], worst[chosen])


def _averages(task: Task, episodes: Episodes, actions: np.ndarray) -> np.ndarray:
    """Average reward of each arm that the actions showed, N x K; -inf where none."""
    rewards = realised_means(episodes.rewards[:, : actions.shape[1]], actions, episodes.reaction)
    shown = (actions[:, :, None] == np.arange(task.arms)) | (task.environment == "fol")
    counts, sums = shown.sum(axis=1), (shown * rewards).sum(axis=1)
    return np.divide(sums, counts, out=np.full(sums.shape, -np.inf), where=counts > 0)


def _fluctuating(task: Task, number: int) -> Histories:
    """One arm pays high and low by turns, the others always the number midway: all averages are equal. High and low are the
    greatest and least of 64 rewards of the task's process, drawn about the middle of its means, rounded to two decimals.
    None where rewards are 0 or 1, which cannot stay midway."""
    full = task.environment == "fol"
    pulls = _PULLS if full else min(_PULLS, 2 * ((task.horizon - 1) // (2 * task.arms)))
    steps = 2 * (_steps(task) // 2) if full else pulls * task.arms
    middle, swing = _swing(task)
    possible = number * (steps > 0 and swing > 0 and not isinstance(task.rewards, Bernoulli))
    order = np.arange(max(steps, 1)) % task.arms
    actions = generator("probe", task.name, "fluctuating").permuted(np.tile(order, (possible, 1)), axis=1)
    traps = np.arange(possible) % task.arms
    turn = np.arange(actions.shape[1]) + 1 if full else np.cumsum(actions == traps[:, None], axis=1)
    pays = np.where(np.arange(task.arms) == traps[:, None, None], (turn % 2 * 2 - 1)[..., None] * swing, 0.0) + middle
    asked = np.full((possible, 1, task.arms), middle)
    rewards = np.concatenate([np.broadcast_to(pays, (*actions.shape, task.arms)), asked], axis=1)
    ids = [f"probe-fluctuating-{n}" for n in range(possible)]
    seeds = fold(derive("policy", "probe", task.name, "fluctuating"), np.arange(possible))
    episodes = Episodes(ids, ids, asked, rewards, seeds)
    return Histories("fluctuating", episodes, actions, traps)


def _swing(task: Task) -> tuple[float, float]:
    """The middle of what the process paid, and how far its extremes are from it."""
    seeds = fold(derive("probe", task.name, "swing"), np.arange(1))
    rewards = task.rewards.draw(np.full((1, _DRAWS, 1), sum(task.means.bounds) / 2), seeds=seeds)
    low, high = float(rewards.min()), float(rewards.max())
    return round((low + high) / 2, 2), round((high - low) / 2, 2)


def _rows(episodes: Episodes, rows: np.ndarray) -> Episodes:
    """Some of the episodes."""
    scenarios, ids = ([names[row] for row in rows] for names in (episodes.scenario_ids, episodes.trajectory_ids))
    means, rewards, seeds = (values[rows] for values in (episodes.mean_rewards, episodes.rewards, episodes.seeds))
    return Episodes(scenarios, ids, means, rewards, seeds, episodes.reaction)


def repeated(episodes: Episodes, times: int) -> Episodes:
    """Every episode ``times`` times, each with a stream of its own for the policy."""
    rows = np.repeat(np.arange(len(episodes)), times)
    seeds = fold(episodes.seeds[rows], np.tile(np.arange(times), len(episodes)))
    every = _rows(episodes, rows)
    return Episodes(every.scenario_ids, every.trajectory_ids, every.mean_rewards, every.rewards, seeds, every.reaction)
