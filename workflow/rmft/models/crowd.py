"""The crowd: imperfect players whose dialogues the laptop model is pretrained on.

Each player says in one sentence why it acts, then answers in the strict final form. They play the tasks of the config in
every environment, interaction and output. The mixture is our choice: a base policy
that partly commits to an arm without looking.
"""

from dataclasses import dataclass

import numpy as np

from rmft.core.drifts import reacted
from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task

PLAYERS = ("random", "sticky", "greedy", "eps_greedy", "explore_then_commit")
REASONS = ("untried", "best", "any", "stay")
UNTRIED, BEST, ANY, STAY = range(4)
Chat = list[dict[str, str]]


@dataclass(frozen=True)
class Crowd:
    """``mixture``: share of each player. ``epsilon``: an eps_greedy player draws its own from U(*epsilon).
    ``stay``: chance that sticky stays. ``keep``: where rewards drift, a player weighs what it saw a step earlier by its own
    factor from U(*keep). ``exploit_share``: share of dialogues in which the player is told, at a random step, to exploit
    from then on, and does."""

    mixture: dict[str, float]
    epsilon: tuple[float, float]
    stay: float
    keep: tuple[float, float]
    exploit_share: float


@dataclass(frozen=True)
class World:
    """A task that the crowd plays, in the words of its context, and its share of the dialogues."""

    task: Task
    context: Context
    share: float


@dataclass(frozen=True)
class Moves:
    """What N players did on one task, each N x T unless said otherwise.

    action; named: the arm of the sentence; reason: index into REASONS; average: of the named arm, as the player sees it;
    rewards: N x T x K, what the arms paid; shares: N x T x K, pi in hundredths; pulls and averages: N x T x K, before the
    step, how often each arm was played and what the player saw it pay (-inf where nothing; in summaries of
    importance-weighted rewards, these); told: N, the step from which the player was told to exploit.
    """

    action: np.ndarray
    named: np.ndarray
    reason: np.ndarray
    average: np.ndarray
    rewards: np.ndarray
    shares: np.ndarray
    pulls: np.ndarray
    averages: np.ndarray
    told: np.ndarray


def simulate(crowd: Crowd, task: Task, episodes: Episodes, *, rng: np.random.Generator) -> Moves:
    """Play the task's episodes, one player each."""
    n, k, full = len(episodes), task.arms, task.environment == "fol"
    weights = np.array([crowd.mixture[p] for p in PLAYERS])
    player, epsilon = rng.choice(len(PLAYERS), size=n, p=weights / weights.sum()), rng.uniform(*crowd.epsilon, n)
    summary = task.interaction == "summary"
    forgets = task.environment == "ns-mab" and not summary  # a summary shows plain averages
    weighs = summary and task.shown == "importance_weighted"  # in dialogue the shares are known, and so the rewards
    keep = rng.uniform(*crowd.keep, (n, 1)) if forgets else np.ones((n, 1))
    orders = rng.integers(k, task.horizon - 1, n)
    told = np.where(rng.random(n) < crowd.exploit_share, orders, task.horizon + 1)
    (pulls, count, total), last, steps = np.zeros((3, n, k)), rng.integers(k, size=n), []
    for t in range(task.horizon):
        averages = np.divide(total, count, out=np.full((n, k), -np.inf), where=count > 0)
        chosen = _choose(crowd, np.where(t >= told, -1, player), epsilon, averages, last, task.output, rng)
        rewards = reacted(episodes.rewards[:, t], last, episodes.reaction if t else 0.0)
        steps.append((*chosen, rewards, pulls, averages))
        last, shares = chosen[0], chosen[-1]
        played = np.arange(k) == last[:, None]
        pulls, seen = pulls + played, np.ones((n, k)) if full else played
        paid = np.divide(rewards, shares, out=np.zeros((n, k)), where=shares > 0) if weighs else rewards
        count, total = keep * count + seen, keep * total + seen * paid
    action, named, reason, average, shares, rewards, pulls, averages = (
        np.stack(part, axis=1) for part in zip(*steps, strict=True)
    )
    return Moves(action, named, reason, average, rewards, shares, pulls, averages, told)


def _choose(
    crowd: Crowd,
    player: np.ndarray,
    epsilon: np.ndarray,
    averages: np.ndarray,
    last: np.ndarray,
    output: str,
    rng: np.random.Generator,
) -> tuple[np.ndarray, ...]:
    """Action, named arm, reason, the named arm's average (0 where unknown) and shares of each player (-1: is to exploit)."""
    (n, k), is_ = averages.shape, {name: player == i for i, name in enumerate(PLAYERS)}
    tried = np.isfinite(averages)
    first = ~tried.any(axis=1)
    explores, stays = is_["explore_then_commit"] & ~tried.all(axis=1), is_["sticky"] & ~first
    chances = [0.0, 1.0, epsilon, 1 - crowd.stay]
    at_random = np.select([explores, is_["random"] | first, is_["eps_greedy"], stays], chances, 0.0)
    if output == "action":  # it settles beforehand whether it acts at random, and says so
        at_random = (rng.random(n) < at_random).astype(float)
    target = averages == averages.max(axis=1, keepdims=True)
    target = np.where(explores[:, None], ~tried, np.where(stays[:, None], np.arange(k) == last[:, None], target))
    pi = at_random[:, None] / k + (1 - at_random)[:, None] * target / target.sum(axis=1, keepdims=True)
    shares = _in_hundredths(pi)
    cumulative = (pi if output == "action" else shares).cumsum(axis=1)
    action = (cumulative <= rng.random((n, 1)) * cumulative[:, -1:]).sum(axis=1)
    named = action if output == "action" else (pi + 1e-6 * rng.random((n, k))).argmax(axis=1)
    known = np.take_along_axis(averages, named[:, None], axis=1)[:, 0]
    reason = np.select([at_random == 1, explores, stays], [ANY, UNTRIED, STAY], BEST)
    return action, named, reason, np.where(np.isfinite(known), known, 0.0), shares


def _in_hundredths(pi: np.ndarray) -> np.ndarray:
    """pi (N x K) rounded to two decimals, the largest share taking what rounding leaves over."""
    shares = np.round(pi, 2)
    shares[np.arange(len(pi)), pi.argmax(axis=1)] += 1 - shares.sum(axis=1)
    return np.round(shares, 2)


def conversations(
    crowd: Crowd, task: Task, context: Context, episodes: Episodes, *, rng: np.random.Generator
) -> list[list[Chat]]:
    """The chats of each episode: one dialogue, or in summary interaction one exchange for each step."""
    moves = simulate(crowd, task, episodes, rng=rng)
    talk = _exchanges if task.interaction == "summary" else _dialogue
    return [talk(task, context, moves, n) for n in range(len(episodes))]


def _reply(task: Task, context: Context, moves: Moves, n: int, t: int) -> dict[str, str]:
    said = REASONS[moves.reason[n, t]], int(moves.named[n, t]), float(moves.average[n, t])
    if task.output == "action":
        return {"role": "assistant", "content": context.reply(*said)}
    return {"role": "assistant", "content": context.reply_shares(*said, moves.shares[n, t].tolist())}


def _exchanges(task: Task, context: Context, moves: Moves, n: int) -> list[Chat]:
    chats = []
    for t in range(task.horizon):
        asked = context.summary(
            t + 1, task.horizon, moves.pulls[n, t].astype(int).tolist(), moves.averages[n, t].tolist()
        )
        asked = context.tell_exploit(asked) if t >= moves.told[n] else asked
        chats.append([{"role": "user", "content": asked}, _reply(task, context, moves, n, t)])
    return chats


def _dialogue(task: Task, context: Context, moves: Moves, n: int) -> list[Chat]:
    chat = [{"role": "user", "content": context.opening(task.horizon)}]
    for t in range(task.horizon):
        chat.append(_reply(task, context, moves, n, t))
        if t + 1 < task.horizon:
            told = t + 1 == moves.told[n]
            chat.append({"role": "user", "content": _shown(task, context, moves, n, t, told=told)})
    return [chat]


def _shown(task: Task, context: Context, moves: Moves, n: int, t: int, *, told: bool) -> str:
    action, rewards = int(moves.action[n, t]), moves.rewards[n, t]
    if task.environment == "fol":
        shown = context.show_all(action, rewards.tolist())
    else:
        weight = moves.shares[n, t, action] if task.shown == "importance_weighted" else 1
        shown = context.show(action, float(rewards[action] / weight))
    return context.tell_exploit(shown) if told else shown
