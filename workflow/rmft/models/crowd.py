"""The crowd: imperfect players whose dialogues the laptop model is pretrained on.

Each player says in one sentence why it acts, then answers in the strict final form. The mixture is our choice, after
paper.md section 7 of the design: a base policy that partly commits to an arm without looking.
"""

from dataclasses import dataclass

import numpy as np

from rmft.core.prompts import Context

PLAYERS = ("random", "sticky", "greedy", "eps_greedy", "explore_then_commit")


@dataclass(frozen=True)
class Crowd:
    """``mixture``: share of each player. ``epsilon``: an eps_greedy player draws its own from U(*epsilon).
    ``stay``: chance that sticky stays. ``exploit_share``: share of dialogues in which the player is told, at a random step,
    to exploit from then on, and does."""

    mixture: dict[str, float]
    epsilon: tuple[float, float]
    stay: float
    exploit_share: float
    arms: int
    horizon: int
    low: float
    high: float
    noise: float


def _one_of(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random True column of each row (any column where there is none)."""
    return np.argmax(mask + rng.random(mask.shape), axis=1)


def simulate(crowd: Crowd, dialogues: int, *, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Play ``dialogues`` episodes. Returns action, reason (index into REASONS), average, reward (each N x T), told (N)."""
    n, k, horizon = dialogues, crowd.arms, crowd.horizon
    weights = np.array([crowd.mixture[p] for p in PLAYERS])
    player = rng.choice(len(PLAYERS), size=n, p=weights / weights.sum())
    epsilon = rng.uniform(*crowd.epsilon, n)
    told = np.where(rng.random(n) < crowd.exploit_share, rng.integers(k, horizon - 1, n), horizon + 1)
    means = rng.uniform(crowd.low, crowd.high, (n, k))
    rewards = means[:, None] + crowd.noise * rng.standard_normal((n, horizon, k))
    count, total = np.zeros((n, k)), np.zeros((n, k))
    rows, last = np.arange(n), rng.integers(k, size=n)
    out = {name: np.zeros((n, horizon)) for name in ("action", "reason", "average", "reward")}
    for t in range(horizon):
        average = np.where(count > 0, total / np.maximum(count, 1), -np.inf)
        best = average == average.max(axis=1, keepdims=True)
        action, reason = _choose(crowd, np.where(t >= told, -1, player), epsilon, count, best, last, rng)
        reward = rewards[rows, t, action]
        stated = np.where(count[rows, action] > 0, average[rows, action], 0)
        for name, value in (("action", action), ("reason", reason), ("average", stated), ("reward", reward)):
            out[name][:, t] = value
        count[rows, action] += 1
        total[rows, action] += reward
        last = action
    return out | {"told": told}


def _choose(
    crowd: Crowd,
    player: np.ndarray,
    epsilon: np.ndarray,
    count: np.ndarray,
    best: np.ndarray,
    last: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Action and reason of each player (-1: told to exploit) from its counts, its best arms and its last action."""
    n, k = count.shape
    first = count.sum(axis=1) == 0
    anything, exploit = rng.integers(k, size=n), _one_of(best, rng)
    new, untried = _one_of(count == 0, rng), (count == 0).any(axis=1)
    is_ = {name: player == i for i, name in enumerate(PLAYERS)}
    explores = is_["explore_then_commit"] & untried
    stays = is_["sticky"] & (rng.random(n) < crowd.stay) & ~first
    at_random = is_["random"] | (is_["sticky"] & ~stays) | (is_["eps_greedy"] & (rng.random(n) < epsilon)) | first
    at_random &= ~explores
    action = np.select([explores, stays, at_random], [new, last, anything], exploit)
    return action, np.select([explores, stays, at_random], [0, 3, 2], 1)


REASONS = ("untried", "best", "any", "stay")


def dialogues(crowd: Crowd, context: Context, number: int, *, rng: np.random.Generator) -> list[list[dict[str, str]]]:
    """``number`` dialogues as chat messages."""
    play = simulate(crowd, number, rng=rng)
    opening = context.opening(crowd.horizon)
    return [_messages(context, opening, *row) for row in zip(*play.values(), strict=True)]


def _messages(
    context: Context,
    opening: str,
    actions: np.ndarray,
    reasons: np.ndarray,
    averages: np.ndarray,
    rewards: np.ndarray,
    told: int,
) -> list[dict[str, str]]:
    messages = [{"role": "user", "content": opening}]
    steps = zip(
        actions.astype(int).tolist(), reasons.astype(int).tolist(), averages.tolist(), rewards.tolist(), strict=True
    )
    for t, (action, reason, average, reward) in enumerate(steps):
        messages.append({"role": "assistant", "content": context.reply(REASONS[reason], action, average)})
        if t + 1 == len(actions):
            break
        shown = context.show(action, reward)
        messages.append({"role": "user", "content": context.tell_exploit(shown) if t + 1 == told else shown})
    return messages
