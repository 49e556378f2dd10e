"""The seam between the dialogue and what generates text: an engine opens sessions, a session replies."""

from typing import Protocol, runtime_checkable

import numpy as np


class Session(Protocol):
    """A batch of conversations whose tokens are each processed once."""

    def reply(self, new_ids: list[list[int]], seeds: np.ndarray) -> list[list[int]]:
        """Append each conversation's new tokens and sample its reply, up to and with the end token where one came.

        seeds: uint64, one per request: the reply depends on its own conversation and seed alone.
        """

    def keep(self, rows: list[int]) -> None:
        """Go on with these conversations only, in this order."""

    def fits(self, row: int, new: int) -> bool:
        """Whether ``new`` more tokens and a reply of the greatest length still fit the model's context."""


class Engine(Protocol):
    """A loaded model."""

    end_id: int

    def open(self, conversations: int) -> Session:
        """A session of so many conversations, all empty."""

    def decode(self, ids: list[int]) -> str:
        """The text of sampled tokens, without the end token."""


class Stream(Protocol):
    """Requests that advance each on its own, answered in whatever order they end.

    most: requests that may be under way at a time. capacity: tokens of conversations that the engine can remember.
    """

    most: int
    capacity: int

    def ask(self, name: int, ids: list[int], seed: np.uint64) -> None:
        """Begin a request: all tokens of a conversation so far, and the seed of the reply, which depends on these alone."""

    def answers(self) -> list[tuple[int, list[int]]]:
        """Names and replies of the requests that have ended since: at least one. A reply goes up to and with the end token
        where one came."""

    def fits(self, tokens: int) -> bool:
        """Whether a conversation of so many tokens and a reply of the greatest length fit the model's context."""


@runtime_checkable
class FreeEngine(Protocol):
    """A loaded model whose conversations need not wait for one another. played_by: what a result says of it."""

    end_id: int
    played_by: dict[str, str]

    def stream(self) -> Stream:
        """Where requests are put."""

    def decode(self, ids: list[int]) -> str:
        """The text of sampled tokens, without the end token."""
