"""The seam between the dialogue and what generates text: an engine opens sessions, a session replies."""

from typing import Protocol

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
