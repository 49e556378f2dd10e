"""Asking a policy what it thinks on a fixed history: the dialogue is played as in a rollout, but up to the step asked the
replies are given."""

from dataclasses import dataclass, replace

import numpy as np

from rmft.core.probes import Histories, repeated
from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import COMPLETE, Trajectory
from rmft.models.base import Engine, Session
from rmft.models.chat import Renderer
from rmft.models.dialogue import play
from rmft.models.teacher import Teacher


class Primed:
    """An engine whose conversations hear given replies (E lists of S) first, and then the model's own."""

    def __init__(self, engine: Engine, tokenizer: object, texts: list[list[str]]) -> None:
        self.engine, self.teacher, self.given = engine, Teacher(texts, tokenizer, engine.end_id), len(texts[0])
        self.end_id = engine.end_id

    def open(self, conversations: int) -> "PrimedSession":
        """A session of so many conversations, all empty; the given replies go on where they were."""
        return PrimedSession(self, self.engine.open(conversations), conversations)

    def decode(self, ids: list[int]) -> str:
        """The text of a reply."""
        return self.engine.decode(ids)


class PrimedSession:
    """Conversations whose tokens the model processes at once, when it is asked."""

    def __init__(self, primed: Primed, session: Session, conversations: int) -> None:
        self.primed, self.session = primed, session
        self.heard: list[list[int]] = [[] for _ in range(conversations)]

    def fits(self, row: int, new: int) -> bool:
        """Whether the model's context has room for all that was heard, ``new`` more tokens and a reply."""
        return self.session.fits(row, len(self.heard[row]) + new)

    def keep(self, rows: list[int]) -> None:
        """Go on with these conversations only."""
        self.session.keep(rows)
        self.primed.teacher.keep(rows)
        self.heard = [self.heard[row] for row in rows]

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        """The next given reply of each, or the model's."""
        self.heard = [old + new for old, new in zip(self.heard, new_ids, strict=True)]
        if not self.primed.given:
            return self.session.reply(self.heard, seeds)
        self.primed.given -= 1
        said = self.primed.teacher.reply(new_ids, seeds)
        self.heard = [old + ids for old, ids in zip(self.heard, said, strict=True)]
        return said


@dataclass(frozen=True)
class Asked:
    """What is played to ask on histories: replies that are given (E lists of S), and the words, task and episodes."""

    given: list[list[str]]
    context: Context
    task: Task
    episodes: Episodes


def asked(context: Context, task: Task, histories: Histories, *, replies: int) -> Asked:
    """Every history ``replies`` times, in turn. What is told of T is the task's own."""
    steps, told = histories.actions.shape[1] + 1, str(task.horizon)
    given = [row for row in _given(histories, context, task) for _ in range(replies)]
    horizon_told = {name: getattr(context, name).replace("{horizon}", told) for name in ("instructions", "step")}
    episodes = repeated(histories.episodes, replies)
    return Asked(given, replace(context, **horizon_told), replace(task, horizon=steps), episodes)


def whole(records: list[Trajectory], task: Task) -> list[Trajectory]:
    """The records. Raises ValueError where a history does not fit the model's context."""
    if any(record.status != COMPLETE for record in records):
        raise ValueError(
            f"{task.name}: a history of {task.horizon} steps does not fit the model's context; take a larger model"
        )
    return records


def ask(
    engine: Engine, renderer: Renderer, context: Context, task: Task, histories: Histories, *, replies: int
) -> list[Trajectory]:
    """``replies`` records of each history in turn, whose last reply is the policy's. Raises ValueError where a history does
    not fit the model's context."""
    what = asked(context, task, histories, replies=replies)
    primed = Primed(engine, renderer.tokenizer, what.given)
    return whole(play(primed, renderer, what.context, what.task, what.episodes, max_reasks=0), what.task)


def _given(histories: Histories, context: Context, task: Task) -> list[list[str]]:
    """What is said at each step of each history: that the arm was not tried, where it is so, else that any will do."""
    full = task.environment == "fol"
    return [
        [
            _say(context, task, action, known=action in actions[:t] or (full and t > 0))
            for t, action in enumerate(actions)
        ]
        for actions in histories.actions.tolist()
    ]


def _say(context: Context, task: Task, action: int, *, known: bool) -> str:
    """A reply that acts for certain, whatever the output. ``known``: something was shown of the arm."""
    reason = "any" if known else "untried"
    if task.output == "action":
        return context.reply(reason, action)
    return context.reply_shares(reason, action, 0.0, [float(arm == action) for arm in range(task.arms)])
