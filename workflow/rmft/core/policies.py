"""The baselines: policies that need no model. A policy maps what was seen to pi_t, a distribution over the arms.

``play`` samples the action from pi_t, shows what the environment shows of the reward, and keeps the books.
"""

from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol, runtime_checkable

import numpy as np

from rmft.core.bandits import (
    EpsGreedy,
    Exp3,
    ExploreThenCommit,
    Greedy,
    Random,
    ThompsonBernoulli,
    ThompsonGaussian,
    Ucb,
)
from rmft.core.drifts import reacted
from rmft.core.forgetting import DiscountedUcb, Exp3S, SlidingWindowUcb
from rmft.core.online import FollowTheLeader, Ftpl, FtrlL2, Hedge
from rmft.core.oracles import BestFixedArm, PerStepOracle
from rmft.core.rewards import Bernoulli
from rmft.core.seeding import fold, uniforms
from rmft.core.seen import Seen
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import Play, realised_means


class Policy(Protocol):
    """pi_t (K x E) from what was seen before the step."""

    def __call__(self, seen: Seen) -> np.ndarray: ...


@runtime_checkable
class Learner(Policy, Protocol):
    """A policy with a memory of its own."""

    def learn(self, seen: Seen, shown: np.ndarray, reward: np.ndarray, weighted: np.ndarray) -> object:
        """The next ``Seen.own``. seen: before the step. K x E each: whose rewards were shown, these (else 0), and these
        over the probability that they were shown."""


@runtime_checkable
class Oracle(Protocol):
    """What becomes a policy once it is told what is hidden."""

    def told(self, episodes: Episodes, *, full: bool, reaction: float) -> Policy:
        """The policy that plays ``episodes``, in full information or not."""


POLICIES: dict[str, type] = {
    "random": Random,
    "greedy": Greedy,
    "eps_greedy": EpsGreedy,
    "explore_then_commit": ExploreThenCommit,
    "ucb": Ucb,
    "thompson_bernoulli": ThompsonBernoulli,
    "thompson_gaussian": ThompsonGaussian,
    "exp3": Exp3,
    "sliding_window_ucb": SlidingWindowUcb,
    "discounted_ucb": DiscountedUcb,
    "exp3_s": Exp3S,
    "hedge": Hedge,
    "ftrl_l2": FtrlL2,
    "ftpl": Ftpl,
    "follow_the_leader": FollowTheLeader,
    "best_fixed_arm": BestFixedArm,
    "per_step_oracle": PerStepOracle,
}


def policy_from_config(entry: dict) -> Policy | Oracle:
    """The policy of a config entry, {"policy": name, ...its constants}. Raises ValueError, naming the key."""
    settings = dict(entry)
    name = settings.pop("policy", None)
    if name not in POLICIES:
        raise ValueError(f"policy: must be one of {', '.join(POLICIES)}, not {name!r}")
    try:
        return POLICIES[name](**settings)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: {error}") from None


def label(entry: dict) -> str:
    """The name for legends and tables, with every constant: the constant alone can change the regret by a fifth."""
    return policy_from_config(entry).label


@dataclass(frozen=True)
class Played:
    """What a baseline did: actions (int, E x T), the rewards that these drew (E x T), and pi_t (E x T x K) in full
    information and where it was asked for."""

    actions: np.ndarray
    rewards: np.ndarray
    policies: np.ndarray | None = None


def play(entry: dict, task: Task, episodes: Episodes) -> Play:
    """Play the policy of a config entry through the task's episodes, all at once; means and vectors as they came to be.

    Each episode depends on its own seed and rewards alone: order, batch size and company change nothing.
    Raises ValueError where the policy cannot play the task.
    """
    policy, full = policy_from_config(entry), task.environment == "fol"
    reaction = episodes.reaction
    if isinstance(policy, ThompsonBernoulli) and (reaction or not isinstance(task.rewards, Bernoulli)):
        raise ValueError(f"policy: thompson_bernoulli needs Bernoulli rewards, which {task.name} has not")
    if isinstance(policy, Oracle):
        policy = policy.told(episodes, full=full, reaction=reaction)
    return play_through(policy, task, episodes)


def play_through(policy: Policy, task: Task, episodes: Episodes, *, keep: bool = False) -> Play:
    """The same for any policy; ``keep`` keeps pi_t on bandits too."""
    full, reaction = task.environment == "fol", episodes.reaction
    did = simulate(policy, episodes.rewards, episodes.seeds, full=full, reaction=reaction, keep=keep)
    means = realised_means(episodes.mean_rewards, did.actions, reaction)
    vectors = realised_means(episodes.rewards, did.actions, reaction) if full else None
    return Play(did.actions, did.rewards, means, vectors, did.policies)


def simulate(
    policy: Policy,
    rewards: np.ndarray,
    seeds: np.ndarray,
    *,
    full: bool = False,
    reaction: float = 0.0,
    keep: bool = False,
) -> Played:
    """Play through rewards drawn beforehand (E x T x K), with one seed (uint64) for each episode.

    full: show every arm's reward and keep pi_t. keep: keep pi_t on bandits too. reaction: what the arm played last pays
    less at this step.
    """
    steps, arms, size = rewards.shape[1], np.arange(rewards.shape[2])[:, None], len(rewards)
    hidden = np.ascontiguousarray(rewards.transpose(1, 2, 0))  # T x K x E
    counts, sums, weighted = np.zeros((3, len(arms), size))
    actions, drawn = np.full((steps, size), -1), np.zeros((steps, size))
    policies = np.empty((size, steps, len(arms))) if full or keep else None
    choice, own = uniforms(fold(seeds, 0), np.arange(steps)[:, None]), fold(seeds, 1)
    memory, learns, everything = None, isinstance(policy, Learner), np.ones((len(arms), size), bool)
    for t in range(steps):
        seen = Seen(t, counts, sums, weighted, actions[t - 1], own, memory)
        pi = policy(seen)
        actions[t] = _sampled(pi, choice[t], policy, t)
        played = arms == actions[t]
        values = reacted(hidden[t], seen.last, reaction, axis=0) if reaction else hidden[t]
        shown, chance = (everything, 1.0) if full else (played, np.where(played, pi, 1))
        reward = shown * values
        estimate = reward / chance
        drawn[t] = (played * values).sum(axis=0)
        if policies is not None:
            policies[:, t] = pi.T
        if learns:
            memory = policy.learn(seen, shown, reward, estimate)
        counts += shown
        sums += reward
        weighted += estimate
    return Played(np.ascontiguousarray(actions.T), np.ascontiguousarray(drawn.T), policies)


def _sampled(pi: np.ndarray, choice: np.ndarray, policy: Policy, t: int) -> np.ndarray:
    """An arm for each column of pi (K x E), what a policy answers at step t, from uniform numbers (E). Raises ValueError
    where it is no probability of each arm."""
    cumulative = np.stack(list(accumulate(pi)))  # three times as fast as cumsum along the short axis
    if not (pi.min() >= -1e-6 and abs(cumulative[-1] - 1).max() < 1e-4):  # NaN is neither
        raise ValueError(
            f"{type(policy).__name__}: at step {t + 1} its probabilities must be 0 or more and sum to 1; the least is "
            f"{pi.min():g}, sums are {cumulative[-1].min():g} to {cumulative[-1].max():g}; mend its __call__ or constants"
        )
    return (cumulative <= choice * cumulative[-1]).sum(axis=0)
