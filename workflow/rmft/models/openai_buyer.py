"""Replies one by one: each is stored when it comes, and what was bought before is never asked for again."""

from dataclasses import asdict
from pathlib import Path

from openai import AsyncOpenAI

from rmft.models.openai_client import ContextFull, Refused, ask, connect
from rmft.models.openai_requests import Heard, Request, Speaker, no_reply
from rmft.models.openai_spending import Spending
from rmft.models.openai_store import Journal


class Buyer:
    """Who buys replies for one cell's stage. ``account``: the model's folder; ``name``: of the purchaser in it."""

    def __init__(self, speaker: Speaker, account: Path, name: str) -> None:
        self.speaker, self.terms, self.folder = speaker, speaker.terms, account / name
        self.journal = Journal(self.folder / "replies.jsonl")
        bought = list(self.journal.replies.values())
        self.spending = Spending(account / f"spent/{name}.json", self.terms.max_usd, bought)
        self._client: AsyncOpenAI | None = None

    @property
    def client(self) -> AsyncOpenAI:
        """The client, made when something has to be asked for: what is bought already needs no key."""
        self._client = self._client or connect(self.speaker.served, self.terms)
        return self._client

    async def close(self) -> None:
        """End the client's connections."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    def known(self, request: Request) -> Heard | None:
        """The reply, if it was bought before."""
        entry = self.journal.replies.get(request.key)
        return None if entry is None else Heard(**entry)

    def keep(self, replies: dict[str, Heard], *, reserved: float) -> None:
        """Store replies by the keys of their requests, and book them."""
        entries = {key: asdict(heard) for key, heard in replies.items() if key not in self.journal.replies}
        self.journal.add(entries)
        self.spending.pay(list(entries.values()), reserved=reserved)

    async def reply(self, request: Request) -> Heard:
        """One reply, live."""
        if (known := self.known(request)) is not None:
            return known
        client, most = self.client, self.speaker.most(request)
        self.spending.reserve(most, "the next reply")
        try:
            heard = await self._ask(client, request)
        except BaseException:
            self.spending.release(most)
            raise
        self.keep({request.key: heard}, reserved=most)
        return heard

    async def _ask(self, client: AsyncOpenAI, request: Request) -> Heard:
        body = dict(request.body)
        model, messages = body.pop("model"), body.pop("messages")

        async def call() -> Heard:
            answer = await client.chat.completions.create(model=model, messages=messages, extra_body=body)
            return self.speaker.heard(answer)

        try:
            return await ask(call, self.terms, "a reply")
        except (ContextFull, Refused) as error:
            return no_reply(error)
