"""The record of one episode: what was asked, said, chosen and earned; and of many, the numbers that scores are made of."""

from dataclasses import dataclass, field

import numpy as np

from rmft.core.drifts import reacted

COMPLETE = "complete"
CONTEXT_EXHAUSTED = "context_exhausted"


@dataclass
class Trajectory:
    """One row of trajectories.parquet. T steps; ``token_ids`` is exactly what the model saw and sampled, in order.

    parse_status per step: ok | renormalised (shares whose sum was not 1) | reask (read after asking again) | fallback
    (never read: a random arm) | refused, empty (the same, as the model would not, or said nothing) | none (not reached).
    loss_mask: 1 where the token was sampled by the model. policies: pi_t, where the output is a distribution.
    reward_vectors: R_t, where they are shown. chats: the messages of each conversation, one in dialogue and one a step
    in summary interaction, or where earlier reasoning is stripped; chat_tokens: how many of ``token_ids`` each takes;
    tokens_again: how many of them stood in the conversation before, where it is stripped.
    """

    trajectory_id: str
    scenario_id: str
    episode_seed: int
    actions: list[int] = field(default_factory=list)
    policies: list[list[float]] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    reward_vectors: list[list[float]] = field(default_factory=list)
    parse_status: list[str] = field(default_factory=list)
    chats: list[list[dict[str, str]]] = field(default_factory=list)
    chat_tokens: list[int] = field(default_factory=list)
    token_ids: list[int] = field(default_factory=list)
    loss_mask: list[int] = field(default_factory=list)
    status: str = COMPLETE
    tokens_again: int = 0
    heard: bool = field(default=False, init=False)  # in the conversation under way

    def begin(self) -> None:
        """Begin a conversation."""
        self.heard = False
        self.chats.append([])
        self.chat_tokens.append(0)

    def rule(self, content: str) -> None:
        """What the system says; the tokens of the next message carry it."""
        self._append("system", content, [], 0)

    def tell(self, content: str, ids: list[int]) -> None:
        """A message to the model, and the tokens that carry it (with the template's own before and after)."""
        self._append("user", content, ids, 0)

    def resume(self, said: list[dict[str, str]], ids: list[int]) -> None:
        """What stays of the conversations before opens this one, with the tokens that carry it, processed once more."""
        self.chats[-1] += said
        self.tokens_again += len(ids)
        self._extend(ids, 0)

    def hear(self, content: str, ids: list[int]) -> None:
        """The model's reply, and the tokens that it sampled."""
        self.heard = True
        self._append("assistant", content, ids, 1)

    def unsay(self, tokens: int) -> None:
        """Take the last message back, which took so many tokens, and its conversation if nothing was heard in it."""
        self.chats[-1].pop()
        self.chat_tokens[-1] -= tokens
        self._cut(tokens)
        if not self.heard:
            resumed = self.chat_tokens.pop()
            self.tokens_again -= resumed
            self._cut(resumed)
            self.chats.pop()

    def _cut(self, tokens: int) -> None:
        del self.token_ids[len(self.token_ids) - tokens :], self.loss_mask[len(self.loss_mask) - tokens :]

    def conversation(self) -> list[int]:
        """The tokens of the conversation under way."""
        return self.token_ids[len(self.token_ids) - self.chat_tokens[-1] :]

    def _append(self, role: str, content: str, ids: list[int], mask: int) -> None:
        self.chats[-1].append({"role": role, "content": content})
        self._extend(ids, mask)

    def _extend(self, ids: list[int], mask: int) -> None:
        self.chat_tokens[-1] += len(ids)
        self.token_ids.extend(ids)
        self.loss_mask.extend([mask] * len(ids))


@dataclass(frozen=True)
class Play:
    """What E episodes of T steps with K arms were.

    actions: int, E x T (-1: none). rewards: E x T, what the actions paid. means: E x 1 x K or E x T x K, as they came to
    be: with the reaction to the actions in them. vectors: E x T x K, what every arm paid at each step, where all are
    shown (full information). policies: E x T x K, pi_t where it is known.
    """

    actions: np.ndarray
    rewards: np.ndarray
    means: np.ndarray
    vectors: np.ndarray | None = None
    policies: np.ndarray | None = None

    @property
    def pulled(self) -> np.ndarray:
        """1 for the arm that was played, else 0, E x T x K; zeros at a step without one."""
        return (self.actions[:, :, None] == np.arange(self.means.shape[2])).astype(np.float64)

    @property
    def pi(self) -> np.ndarray:
        """pi_t, E x T x K: the policies where they are known, else all on the action; zeros at a step without one."""
        if self.policies is None:
            return self.pulled
        return np.where(self.actions[:, :, None] < 0, 0, self.policies)


def realised_means(mean_rewards: np.ndarray, actions: np.ndarray, reaction: float) -> np.ndarray:
    """Mean rewards (or reward vectors) as they came to be, E x T x K, with the reaction to each last action (E x T) in.

    Without a reaction they are returned as they are, E x 1 x K when stationary.
    """
    if not reaction:
        return mean_rewards
    last = np.concatenate([np.full((len(actions), 1), -1), actions[:, :-1]], axis=1)
    return reacted(mean_rewards, last, reaction)
