"""Episodes that wait for no other: whatever the order in which replies come, the records are those of playing in rounds."""

from collections.abc import Callable
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmft.core.seeding import derive, uniforms
from rmft.core.tasks import Episodes, draw_episodes
from rmft.core.trajectory import CONTEXT_EXHAUSTED, Trajectory
from rmft.models.chat import Renderer
from rmft.models.crowd import World
from rmft.models.dialogue import play

END, NEW = 0, 40


class Letters:
    """A tokenizer of one token a letter; the end token is written as $."""

    def __call__(self, text: str, **_: object) -> dict[str, list[int]]:
        return {"input_ids": [END if letter == "$" else ord(letter) for letter in text]}


RENDER = Renderer(Letters(), begin="<", turn=">", bridge="$\n<", stops=(END,))


class Says:
    """What is common to both engines: a reply that depends on the conversation and the seed alone, of uneven length, now
    and then cut off or not to be read."""

    end_id = END

    def __init__(self, room: int) -> None:
        self.room = room
        self.asked: list[tuple[tuple[int, ...], int]] = []

    def said(self, conversation: list[int], seed: int) -> list[int]:
        self.asked.append((tuple(conversation), int(seed)))
        stream = derive(*conversation, int(seed))
        length, kind, arm = (uniforms(stream, draw) for draw in range(3))
        if kind < 0.1:
            return [ord("m")] * NEW
        text = "y" * int(length * 25) + ("\nHm." if kind < 0.2 else f"\nAnswer: {'ABC'[int(arm * 3)]}")
        return [*map(ord, text), END]

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(letter) for letter in ids if letter != END)


class Rounds(Says):
    """An engine and its session at once."""

    def open(self, conversations: int) -> "Rounds":
        self.rows: list[list[int]] = [[] for _ in range(conversations)]
        return self

    def fits(self, row: int, new: int) -> bool:
        return len(self.rows[row]) + new + NEW <= self.room

    def keep(self, rows: list[int]) -> None:
        self.rows = [self.rows[row] for row in rows]

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        told = [old + new for old, new in zip(self.rows, new_ids, strict=True)]
        said = [self.said(row, seed) for row, seed in zip(told, seeds, strict=True)]
        self.rows = [row + ids for row, ids in zip(told, said, strict=True)]
        return said


class Free(Says):
    """An engine and its stream at once: any number of the requests under way, any of them, is answered at a time."""

    played_by: ClassVar[dict[str, str]] = {}

    def __init__(self, room: int, most: int, capacity: int, rng: np.random.Generator) -> None:
        super().__init__(room)
        self.most, self.capacity, self.rng = most, capacity, rng
        self.waiting: dict[int, tuple[list[int], int]] = {}
        self.busiest = self.held = 0

    def stream(self) -> "Free":
        return self

    def fits(self, tokens: int) -> bool:
        return tokens + NEW <= self.room

    def ask(self, name: int, ids: list[int], seed: np.uint64) -> None:
        assert name not in self.waiting
        self.waiting[name] = (list(ids), int(seed))
        self.busiest = max(self.busiest, len(self.waiting))
        self.held = max(self.held, sum(len(conversation) for conversation, _ in self.waiting.values()))

    def answers(self) -> list[tuple[int, list[int]]]:
        names = self.rng.permutation(list(self.waiting))[: self.rng.integers(1, len(self.waiting), endpoint=True)]
        return [(int(name), self.said(*self.waiting.pop(name))) for name in names]


def run(world: World, engine: Says, episodes: Episodes) -> list[Trajectory]:
    return play(engine, RENDER, world.context, world.task, episodes, max_reasks=1)


@pytest.fixture(scope="module")
def drawn() -> Callable[[World], Episodes]:
    def draw(world: World) -> Episodes:
        where = {"split": "train", "seed": 0, "iteration": 0, "policy": "test"}
        return draw_episodes(world.task, **where, scenarios=range(5), per_scenario=2)

    return draw


@given(
    seed=st.integers(0, 2**32),
    most=st.integers(1, 12),
    capacity=st.sampled_from([1, 700, 3000, 10**6]),
    room=st.sampled_from([3, 300, 420, 10**6]),
)
@settings(max_examples=40, deadline=None)
@pytest.mark.parametrize("interaction", ["dialogue", "summary"])
def test_no_order_of_replies_changes_a_record(
    world, drawn, interaction: str, seed: int, most: int, capacity: int, room: int
) -> None:
    small = world(interaction=interaction)
    episodes = drawn(small)
    rounds, free = Rounds(room), Free(room, most, capacity, np.random.default_rng(seed))
    assert run(small, free, episodes) == run(small, rounds, episodes)
    assert sorted(free.asked) == sorted(rounds.asked)  # the same prompts with the same seeds, none twice
    assert free.busiest <= most


def test_the_cases_above_meet_what_goes_wrong(world, drawn) -> None:
    """Re-asks, fallbacks and episodes that end for want of context beside others that go on."""
    small = world()
    records = run(small, Free(420, 4, 3000, np.random.default_rng(0)), drawn(small))
    assert {status for record in records for status in record.parse_status} >= {"ok", "reask", "fallback"}
    ended = [record.status == CONTEXT_EXHAUSTED for record in records]
    assert any(ended)
    assert not all(ended)


def test_no_more_is_under_way_than_the_engine_remembers(world, drawn) -> None:
    """What conversations will take at their ends, reckoned from how they began, stays within the engine's memory."""
    small = world()
    episodes = drawn(small)
    length = max(len(record.token_ids) for record in run(small, Rounds(10**6), episodes))
    busiest = []
    for times in (1, 4, 1000):
        free = Free(10**6, 64, times * length, np.random.default_rng(0))
        run(small, free, episodes)
        assert free.held <= times * length
        busiest.append(free.busiest)
    assert 1 <= busiest[0] < busiest[1] < busiest[2] == 10
