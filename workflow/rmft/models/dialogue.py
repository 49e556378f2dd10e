"""Playing episodes as dialogues: ask, read the reply strictly, act, show the reward, and so on for T steps.

Every episode advances on its own: one whose reply must be asked for again lags behind the others and delays none.
"""

from collections.abc import Callable

import numpy as np

from rmft.core.drifts import reacted
from rmft.core.prompts import Context
from rmft.core.seeding import fold, uniforms
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import CONTEXT_EXHAUSTED, Trajectory
from rmft.models.base import Engine
from rmft.models.chat import Renderer

_FALLBACK_DRAW = 1 << 20  # a draw of the step's stream that no attempt reaches


class _Dialogue:
    """One episode under way."""

    def __init__(
        self, episodes: Episodes, row: int, task: Task, context: Context, renderer: Renderer, max_reasks: int
    ) -> None:
        self.task, self.context, self.renderer, self.max_reasks = task, context, renderer, max_reasks
        self.rewards, self.seed, self.reaction = episodes.rewards[row], episodes.seeds[row], episodes.reaction
        self.record = Trajectory(episodes.trajectory_ids[row], episodes.scenario_ids[row], int(self.seed))
        self.attempt = 0
        self.new_ids: list[int] = []
        self._tell(context.opening(task.horizon), renderer.opening)

    @property
    def step(self) -> int:
        return len(self.record.actions)

    def request_seed(self) -> np.uint64:
        """The seed of the next reply: of this episode, step and attempt alone."""
        return fold(fold(self.seed, self.step), self.attempt)

    def _tell(self, content: str, encode: Callable[[str], list[int]]) -> None:
        self.new_ids = encode(content)
        self.record.tell(content, self.new_ids)

    def hear(self, ids: list[int], text: str, *, ended: bool) -> bool:
        """Take a reply and act on it. Returns whether the episode goes on."""
        self.record.hear(text, ids)
        action = self.context.parse(text) if ended else None
        asks_again = action is None and self.attempt < self.max_reasks
        if asks_again:
            self.attempt += 1
            content = self.context.ask_again()
        else:
            content = self._act(action)
            if self.step == self.task.horizon:
                return False
        self._tell(content, lambda text: self.renderer.following(text, ended=ended))
        return True

    def _act(self, action: int | None) -> str:
        """Take the action (a random arm where none could be read) and say what it paid."""
        status = "fallback" if action is None else "reask" if self.attempt else "ok"
        if action is None:
            action = int(uniforms(fold(self.seed, self.step), _FALLBACK_DRAW) * self.task.arms)
        last = self.record.actions[-1] if self.step else -1
        reward = float(reacted(self.rewards[self.step], np.array(last), self.reaction)[action])
        self.record.parse_status.append(status)
        self.record.actions.append(action)
        self.record.rewards.append(reward)
        self.attempt = 0
        return self.context.show(action, reward)

    def exhaust(self) -> None:
        """End the episode for want of context: the message that no longer fits was never sent."""
        missing = self.task.horizon - self.step
        self.record.messages.pop()
        del self.record.token_ids[-len(self.new_ids) :], self.record.loss_mask[-len(self.new_ids) :]
        self.record.actions += [-1] * missing
        self.record.rewards += [0.0] * missing
        self.record.parse_status += ["none"] * missing
        self.record.status = CONTEXT_EXHAUSTED


def play(
    engine: Engine, renderer: Renderer, context: Context, task: Task, episodes: Episodes, *, max_reasks: int
) -> list[Trajectory]:
    """Play all episodes side by side and return their records, in order."""
    dialogues = [_Dialogue(episodes, row, task, context, renderer, max_reasks) for row in range(len(episodes))]
    session, active = engine.open(len(episodes)), dialogues
    while active:
        fitting = [row for row, dialogue in enumerate(active) if session.fits(row, len(dialogue.new_ids))]
        for row in set(range(len(active))) - set(fitting):
            active[row].exhaust()
        active = [active[row] for row in fitting]
        if not active:
            break
        session.keep(fitting)
        seeds = np.array([dialogue.request_seed() for dialogue in active], np.uint64)
        replies = session.reply([dialogue.new_ids for dialogue in active], seeds)
        goes_on = []
        for row, (dialogue, ids) in enumerate(zip(active, replies, strict=True)):
            ended = ids[-1] == engine.end_id
            if dialogue.hear(ids, engine.decode(ids), ended=ended):
                goes_on.append(row)
        active = [active[row] for row in goes_on]
        if active:
            session.keep(goes_on)
    return [dialogue.record for dialogue in dialogues]
