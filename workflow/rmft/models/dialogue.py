"""Playing episodes in words: ask, read the reply strictly, act, show what it paid, and so on for T steps.

In dialogue interaction an episode is one conversation; in summary interaction, or where earlier reasoning is stripped, each
step is a conversation of its own, about what was seen so far. Every episode advances on its own: one whose reply must be
asked for again lags behind the others and delays none.
"""

from collections import deque
from collections.abc import Callable

import numpy as np

from rmft.core.drifts import reacted
from rmft.core.prompts import Context, Reading
from rmft.core.seeding import fold, uniforms
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import CONTEXT_EXHAUSTED, Trajectory, realised_means
from rmft.models.base import Engine, FreeEngine, Session, Stream
from rmft.models.chat import Renderer

_FALLBACK_DRAW = 1 << 20  # draws of the step's stream that no attempt reaches
_ACTION_DRAW = _FALLBACK_DRAW + 1


class _Dialogue:
    """One episode under way."""

    def __init__(
        self, episodes: Episodes, row: int, task: Task, context: Context, renderer: Renderer, max_reasks: int
    ) -> None:
        self.task, self.context, self.renderer, self.max_reasks = task, context, renderer, max_reasks
        self.rewards, self.reaction, self.seed = episodes.rewards[row], episodes.reaction, episodes.seeds[row]
        self.record = Trajectory(episodes.trajectory_ids[row], episodes.scenario_ids[row], int(self.seed))
        self.pulls, self.sums = np.zeros((2, task.arms))
        self.attempt = 0
        self.new_ids: list[int] = []
        self.anew = begins_anew(task, renderer)
        self.kept: tuple[list[dict[str, str]], list[int]] = [], []  # of all so far, less reasoning: messages, tokens
        self._ask()

    @property
    def step(self) -> int:
        return len(self.record.actions)

    def request_seed(self) -> np.uint64:
        """The seed of the next reply: of this episode, step and attempt alone."""
        return fold(fold(self.seed, self.step), self.attempt)

    def _ask(self) -> None:
        """Begin a conversation: about the task, or about what was seen so far."""
        self.record.begin()
        summary, system = self.task.interaction == "summary", self.renderer.system
        content, rules = self.context.question, self.context.opening(self.task.horizon)
        if summary:
            content = self.context.standing(self.step + 1, self.task.horizon, *self._seen())
        if system:
            self.record.rule(rules)
            self.kept[0].append(self.record.chats[-1][0])
        elif summary:
            content = f"{rules}\n{content}"
        else:
            content = rules
        self._tell(content, lambda text: self.renderer.opening(text, rules))

    def _seen(self) -> tuple[list[int], list[float]]:
        """Pulls and average of every arm so far, as a summary tells them."""
        counts = np.full(self.task.arms, self.step) if self.task.environment == "fol" else self.pulls
        averages = np.divide(self.sums, counts, out=np.full(self.task.arms, -np.inf), where=counts > 0)
        return self.pulls.astype(int).tolist(), averages.tolist()

    def _tell(self, content: str, encode: Callable[[str], list[int]]) -> None:
        self.new_ids = encode(content)
        self.record.tell(content, self.new_ids)
        self._keep(self.new_ids)

    def _keep(self, ids: list[int]) -> None:
        """Where earlier reasoning is stripped, note what stays of the last message for the conversations to come."""
        if self.renderer.strips:
            message = self.record.chats[-1][-1]
            if message["role"] == "assistant":
                ids = self.renderer.answer(ids)
                message = {**message, "content": self.renderer.text(ids)}
            self.kept[0].append(message)
            self.kept[1].extend(ids)

    @property
    def unheard(self) -> list[int]:
        """What the session has yet to process: the whole conversation where its sessions last a reply."""
        return self.record.conversation() if self.anew else self.new_ids

    @property
    def expected(self) -> float:
        """Tokens of the conversation at its end, if it goes on as it began."""
        alike = 1 if self.task.interaction == "summary" else self.task.horizon / (self.step + 1)
        return self.record.chat_tokens[-1] * alike

    def hear(self, ids: list[int], text: str, *, whole: bool = False, unread: str = "fallback") -> bool:
        """Take a reply and act on it. Returns whether the episode goes on.

        whole: of a reply without tokens of ours, whether it came to its end. unread: the step's status if it is not read.
        """
        self.record.hear(text, ids)
        self._keep(ids)
        ended = ids[-1:] == [self.renderer.end_id]
        reading = self.context.read(text) if (ids[-1] in self.renderer.stops if ids else whole) else None
        asks_again = reading is None and self.attempt < self.max_reasks
        if asks_again:
            self.attempt += 1
            content = self.context.ask_again()
        else:
            content = self._act(reading, unread)
            if self.step == self.task.horizon:
                return False
            if self.task.interaction == "summary":
                self._ask()
                return True
            if self.renderer.strips:
                self.record.begin()
                self.record.resume(*map(list, self.kept))
        self._tell(content, lambda text: self.renderer.following(text, ended=ended))
        return True

    def _act(self, reading: Reading | None, unread: str) -> str:
        """Take the action (a random arm where none could be read) and say what it paid."""
        record, stream = self.record, fold(self.seed, self.step)
        status = unread if reading is None else "reask" if self.attempt else "ok"
        policy = reading.policy if reading else None
        if policy is not None and reading.renormalised and status == "ok":
            status = "renormalised"
        if self.task.output == "distribution":
            policy = policy or (1 / self.task.arms,) * self.task.arms
            cumulative = np.cumsum(policy)
            action = int((cumulative <= uniforms(stream, _ACTION_DRAW) * cumulative[-1]).sum())
            record.policies.append(list(policy))
        elif reading is None:
            action = int(uniforms(stream, _FALLBACK_DRAW) * self.task.arms)
        else:
            action = reading.action
        rewards = self.rewards[self.step]
        if record.actions:
            rewards = reacted(rewards, record.actions[-1], self.reaction)
        record.parse_status.append(status)
        record.actions.append(action)
        record.rewards.append(float(rewards[action]))
        self.attempt = 0
        return self._see(action, rewards)

    def _see(self, action: int, rewards: np.ndarray) -> str:
        """Keep the books of what the environment shows of this step, and say it."""
        self.pulls[action] += 1
        if self.task.environment == "fol":
            self.sums += rewards
            self.record.reward_vectors.append(rewards.tolist())
            return self.context.show_all(action, rewards.tolist())
        weighted = self.task.shown == "importance_weighted"
        reward = float(rewards[action]) / (self.record.policies[-1][action] if weighted else 1)
        self.sums[action] += reward
        return self.context.show(action, reward)

    def exhaust(self) -> None:
        """End the episode for want of context: the message that no longer fits was never sent."""
        missing, arms = self.task.horizon - self.step, self.task.arms
        self.record.unsay(len(self.new_ids))
        self.record.actions += [-1] * missing
        self.record.rewards += [0.0] * missing
        self.record.parse_status += ["none"] * missing
        if self.task.output == "distribution":
            self.record.policies += [[1 / arms] * arms] * missing
        if self.task.environment == "fol":
            vectors = realised_means(self.rewards[None], np.array([self.record.actions]), self.reaction)[0]
            self.record.reward_vectors += vectors[len(self.record.reward_vectors) :].tolist()
        self.record.status = CONTEXT_EXHAUSTED


def begins_anew(task: Task, renderer: Renderer) -> bool:
    """Whether each step is a conversation of its own, so that a session lasts one reply."""
    return task.interaction == "summary" or renderer.strips


def begin(renderer: Renderer, context: Context, task: Task, episodes: Episodes, *, max_reasks: int) -> list[_Dialogue]:
    """All episodes, each with its first message ready."""
    return [_Dialogue(episodes, row, task, context, renderer, max_reasks) for row in range(len(episodes))]


def play(
    engine: Engine | FreeEngine,
    renderer: Renderer,
    context: Context,
    task: Task,
    episodes: Episodes,
    *,
    max_reasks: int,
) -> list[Trajectory]:
    """Play all episodes side by side and return their records, in order: each as fast as its own replies come where the
    engine lets it, else all in rounds."""
    dialogues = begin(renderer, context, task, episodes, max_reasks=max_reasks)
    if isinstance(engine, FreeEngine):
        _freely(engine, dialogues)
    else:
        _in_rounds(engine, dialogues, anew=begins_anew(task, renderer))
    return [dialogue.record for dialogue in dialogues]


def _freely(engine: FreeEngine, dialogues: list[_Dialogue]) -> None:
    """As many at a time as the engine takes and remembers to their ends, lest it process their beginnings again."""
    stream, waiting, under_way = engine.stream(), deque(enumerate(dialogues)), {}
    while waiting or under_way:
        while waiting and len(under_way) < stream.most:
            expected = sum(dialogue.expected for dialogue in [*under_way.values(), waiting[0][1]])
            if under_way and expected > stream.capacity:
                break
            row, dialogue = waiting.popleft()
            if _asks(stream, row, dialogue):
                under_way[row] = dialogue
        for row, ids in stream.answers() if under_way else ():
            dialogue = under_way[row]
            if not (dialogue.hear(ids, engine.decode(ids)) and _asks(stream, row, dialogue)):
                del under_way[row]


def _asks(stream: Stream, row: int, dialogue: _Dialogue) -> bool:
    """Whether the conversation still fits the context; if so, its next reply is asked for."""
    conversation = dialogue.record.conversation()
    if not stream.fits(len(conversation)):
        dialogue.exhaust()
        return False
    stream.ask(row, conversation, dialogue.request_seed())
    return True


def _in_rounds(engine: Engine, active: list[_Dialogue], *, anew: bool) -> None:
    """All replies of a round at a time. ``anew``: each round is a session of its own."""
    session = engine.open(len(active))
    while active:
        if anew:
            session = engine.open(len(active))
        active = _round(engine, session, active)


def _round(engine: Engine, session: Session, active: list[_Dialogue]) -> list[_Dialogue]:
    """One reply of each; returns those that go on, which the session then holds."""
    fitting = [row for row, dialogue in enumerate(active) if session.fits(row, len(dialogue.unheard))]
    for row in set(range(len(active))) - set(fitting):
        active[row].exhaust()
    active = [active[row] for row in fitting]
    if not active:
        return []
    session.keep(fitting)
    seeds = np.array([dialogue.request_seed() for dialogue in active], np.uint64)
    replies = session.reply([dialogue.unheard for dialogue in active], seeds)
    heard = [one.hear(ids, engine.decode(ids)) for one, ids in zip(active, replies, strict=True)]
    goes_on = [row for row, goes in enumerate(heard) if goes]
    if goes_on:
        session.keep(goes_on)
    return [active[row] for row in goes_on]
