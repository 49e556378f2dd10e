"""Episodes played with an engine that says what the test wants."""

from collections.abc import Callable

import numpy as np

from rmft.core.tasks import Episodes, draw_episodes
from rmft.core.trajectory import Trajectory
from rmft.models.chat import Renderer
from rmft.models.crowd import World
from rmft.models.dialogue import play

END = 0
MUTE = "no end token"
Says = Callable[[str, int], str]  # what an episode says to its n-th request


class Letters:
    """A tokenizer of one token a letter; the end token is written as $."""

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [END if letter == "$" else ord(letter) for letter in text]}


def text_of(ids: list[int]) -> str:
    return "".join("$" if letter == END else chr(letter) for letter in ids)


class Scripted:
    """An engine and its session at once: it knows its rows by the episodes' names and logs what they are asked.

    A session that opens anew goes on with the rows that are left, all of them empty.
    """

    end_id = END

    def __init__(self, names: list[str], says: Says, room: int = 10_000) -> None:
        self.rows = [{"used": 0, "asked": 0, "name": name} for name in names]
        self.says, self.room = says, room
        self.rounds: list[list[str]] = []
        self.prompts: dict[str, list[str]] = {name: [] for name in names}
        self.seeds: list[int] = []

    def open(self, conversations: int) -> "Scripted":
        assert len(self.rows) == conversations
        self.rows = [row | {"used": 0} for row in self.rows]
        return self

    def fits(self, row: int, new: int) -> bool:
        return self.rows[row]["used"] + new <= self.room

    def keep(self, rows: list[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        assert len(new_ids) == len(self.rows) == len(seeds)
        self.rounds.append([row["name"] for row in self.rows])
        self.seeds += seeds.tolist()
        return [self._answer(row, new) for row, new in zip(self.rows, new_ids, strict=True)]

    def _answer(self, row: dict, new: list[int]) -> list[int]:
        self.prompts[row["name"]].append(text_of(new))
        text = self.says(row["name"], row["asked"])
        ids = [ord(letter) for letter in text.removesuffix(MUTE)] + [END] * (not text.endswith(MUTE))
        row["asked"] += 1
        row["used"] += len(new) + len(ids)
        return ids

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(letter) for letter in ids if letter != END)


RENDER = Renderer(Letters(), begin="<", turn=">", bridge="$\n<", stops=(END,))


def draw(world: World, scenarios: int = 12) -> Episodes:
    where = {"split": "train", "seed": 0, "iteration": 0, "policy": "test"}
    return draw_episodes(world.task, **where, scenarios=range(scenarios), per_scenario=2)


def run(
    world: World, episodes: Episodes, says: Says, *, max_reasks: int = 1, **room: int
) -> tuple[dict[str, Trajectory], Scripted]:
    engine = Scripted(episodes.trajectory_ids, says, **room)
    records = play(engine, RENDER, world.context, world.task, episodes, max_reasks=max_reasks)
    return dict(zip(episodes.trajectory_ids, records, strict=True)), engine


def every_other(world: World, name: str, n: int) -> str:
    """Something to say in any mode: the arms in turn, or shares that move from step to step."""
    if world.task.output == "action":
        return world.context.reply("any", n % 3)
    return world.context.reply_shares("any", n % 3, 0.0, [[0.2, 0.5, 0.3], [0.6, 0.4, 0.0], [0.1, 0.1, 0.8]][n % 3])


def contents(record: Trajectory, role: str = "user") -> list[str]:
    return [message["content"] for chat in record.chats for message in chat if message["role"] == role]
