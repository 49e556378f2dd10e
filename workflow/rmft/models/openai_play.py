"""Episodes in words with a closed model: what it is told and says is text, and its tokens are only counted.

Live, every episode goes on as soon as its reply is there, so many at a time; by batches, all episodes go on together.
A job that comes again plays from the beginning with the replies that were bought, and asks for the others.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rmft.core.prompts import Context
from rmft.core.tasks import Episodes, Task
from rmft.core.trajectory import Trajectory
from rmft.models import openai_batches
from rmft.models.dialogue import begin
from rmft.models.openai_buyer import Buyer
from rmft.models.openai_requests import CONTEXT, Heard, Request


class Wordly:
    """A renderer for who is told text: no message has tokens of ours."""

    strips, end_id, stops = False, None, ()

    def __init__(self, *, system: bool) -> None:
        self.system = system

    def opening(self, content: str, rules: str = "") -> list[int]:
        """No tokens."""
        return []

    def following(self, content: str, *, ended: bool) -> list[int]:
        """No tokens."""
        return []


class Dialogue(Protocol):
    """An episode as rmft.models.dialogue plays it."""

    record: Trajectory

    def request_seed(self) -> np.uint64:
        """The seed of the next reply."""

    def hear(self, ids: list[int], text: str, *, whole: bool, unread: str) -> bool:
        """Take a reply."""

    def exhaust(self) -> None:
        """End the episode for want of context."""


@dataclass
class Played:
    """An episode under way or at its end, and the tokens that the provider counted in all its requests."""

    dialogue: Dialogue
    prompt: int = 0
    sampled: int = 0

    @property
    def record(self) -> Trajectory:
        """What was played."""
        return self.dialogue.record

    def request(self, buyer: Buyer) -> Request:
        """The request for the next reply."""
        return buyer.speaker.request(self.record.chats[-1], self.dialogue.request_seed())

    def hear(self, heard: Heard) -> bool:
        """Take a reply. Returns whether the episode goes on."""
        self.prompt, self.sampled = self.prompt + heard.prompt, self.sampled + heard.sampled
        if heard.why == CONTEXT:
            self.dialogue.exhaust()
            return False
        return self.dialogue.hear([], heard.text, whole=heard.ended, unread=heard.why or "fallback")


def play(
    buyer: Buyer,
    context: Context,
    task: Task,
    episodes: Episodes,
    *,
    max_reasks: int,
    given: list[list[str]] | None = None,
) -> list[Played]:
    """Play all episodes, by the terms' mode, and return them in order. ``given``: replies that each has heard already."""
    render = Wordly(system=buyer.speaker.served.system_role)
    played = [Played(dialogue) for dialogue in begin(render, context, task, episodes, max_reasks=max_reasks)]
    for one, texts in zip(played, given or (), strict=bool(given)):
        for text in texts:
            one.dialogue.hear([], text, whole=True, unread="fallback")
    asyncio.run(closing(buyer, _in_batches(buyer, played) if buyer.terms.mode == "batch" else _live(buyer, played)))
    return played


async def closing(buyer: Buyer, work: Awaitable) -> None:
    """Do the work, and end the connections whatever comes."""
    try:
        await work
    finally:
        await buyer.close()


async def _live(buyer: Buyer, played: list[Played]) -> None:
    async def episode(one: Played, stopped: Callable[[], bool]) -> None:
        goes_on = True
        while goes_on and not stopped():
            goes_on = one.hear(await buyer.reply(one.request(buyer)))

    await _side_by_side(episode, played, buyer.terms.concurrency)


async def _side_by_side(work: Callable, items: list, most: int) -> None:
    """Do the work on all items, so many at a time; after a failure nothing new begins, what is under way is waited for, and
    the failure is raised."""
    room, failures = asyncio.Semaphore(most), []

    async def one(item: object) -> None:
        async with room:
            try:
                await work(item, lambda: bool(failures))
            except Exception as error:
                failures.append(error)

    await asyncio.gather(*map(one, items))
    if failures:
        raise failures[0]


async def _in_batches(buyer: Buyer, active: list[Played]) -> None:
    while active:
        replies = await openai_batches.replies(buyer, [one.request(buyer) for one in active])
        active = [one for one, heard in zip(active, replies, strict=True) if one.hear(heard)]
