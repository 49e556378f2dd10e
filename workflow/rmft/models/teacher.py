"""Algorithm distillation: an engine that says, in the words of the context, what a model-free policy does.

A baseline that plays in the model's stead: its dialogues are what the model is fine-tuned on. The method of arXiv 2410.06238
(EVOLvE), here to compare with.
"""

import numpy as np

from rmft.core.policies import play
from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task

_REASONS = ("any", "best", "untried")


def replies(entry: dict, task: Task, context: Context, episodes: Episodes) -> list[list[str]]:
    """What the baseline of a config entry says at every step of every episode, with the reason as the history tells it."""
    did = play(entry, task, episodes)
    played = np.arange(task.arms) == did.actions[:, :, None]
    shown, values = (played, did.rewards[:, :, None]) if did.vectors is None else (np.ones_like(played), did.vectors)
    counts, sums = (np.cumsum(v, axis=1) - v for v in (shown.astype(float), shown * values))  # before each step
    averages = np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)
    largest = np.where(counts > 0, averages, -np.inf).max(axis=2)[:, :, None]
    kind = np.where(counts == 0, 2, np.where(averages == largest, 1, 0))  # index into _REASONS
    pick = lambda array: np.take_along_axis(array, did.actions[:, :, None], axis=2)[:, :, 0].tolist()  # noqa: E731
    pi = played if episodes.reaction else did.pi  # another arm drawn from pi would see other rewards
    rows = zip(did.actions.tolist(), pick(kind), pick(averages), pi.tolist(), strict=True)
    distribution = task.output == "distribution"
    return [
        [
            context.reply_shares(_REASONS[r], a, m, pi) if distribution else context.reply(_REASONS[r], a, m)
            for a, r, m, pi in zip(*row, strict=True)
        ]
        for row in rows
    ]


class Teacher:
    """An engine and its one session: each conversation hears the next of its replies, whatever it is asked."""

    def __init__(self, texts: list[list[str]], tokenizer: object, end_id: int | None = None) -> None:
        self.tokenizer, self.end_id = tokenizer, tokenizer.eos_token_id if end_id is None else end_id
        self.left = [iter(row) for row in texts]

    def open(self, conversations: int) -> "Teacher":
        """The session goes on: where conversations begin anew at every step, they are still the same episodes."""
        return self

    def fits(self, row: int, new: int) -> bool:
        """A teacher has no context that could be full."""
        return True

    def keep(self, rows: list[int]) -> None:
        """Go on with these episodes only."""
        self.left = [self.left[row] for row in rows]

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        """The next reply of each, and the end token."""
        texts = [next(row) for row in self.left]
        return [[*ids, self.end_id] for ids in self.tokenizer(texts, add_special_tokens=False)["input_ids"]]

    def decode(self, ids: list[int]) -> str:
        """The text of a reply."""
        return self.tokenizer.decode(ids[:-1])
