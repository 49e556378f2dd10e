"""Replies by the Batch API: half the price, within a day. A batch is known by a digest that stands in its metadata.

What is about to be sent is stored first, then the file's id, then the batch's; whoever comes after a crash finds the batch
by the first of these that is there, waits for it, and sends nothing again.
"""

import asyncio
import hashlib
import json
from pathlib import Path

from openai.types import Batch, FileObject
from openai.types.chat import ChatCompletion

from rmft.models.openai_buyer import Buyer
from rmft.models.openai_client import Malformed, ask, create_once, shaped, unanswered, until
from rmft.models.openai_requests import Heard, Request, no_reply
from rmft.models.openai_store import recall, remember, write

MARK = "rmft"  # the key of our digest in metadata
_ENDED = ("completed", "failed", "expired", "cancelled")
_FILE_ENDS = ("error", "deleted")


async def replies(buyer: Buyer, requests: list[Request]) -> list[Heard]:
    """The replies to all requests: those bought before, and the others in batches. Raises ValueError where none comes."""
    await _finish_open(buyer)
    idle = 0
    while missing := [request for request in requests if buyer.known(request) is None]:
        before = len(buyer.journal.replies)
        said = await _finish(buyer, _begin(buyer, _part(buyer, missing)), claimed=True)
        idle = 0 if len(buyer.journal.replies) > before else idle + 1
        if idle > buyer.terms.retries:
            raise ValueError(
                f"{idle} batches one after another brought no reply ({said}; retries); what was bought is kept"
            )
        if idle:
            await asyncio.sleep(buyer.terms.poll_seconds)
    return [buyer.known(request) for request in requests]


def _part(buyer: Buyer, missing: list[Request]) -> list[Request]:
    """As many of the first requests as the provider's queue, a file and the money left can take; one at least."""
    terms, part = buyer.terms, []
    tokens, room, money = terms.batch_tokens, terms.batch_megabytes * 1e6, buyer.spending.left()
    for request in missing[: terms.batch_requests]:
        tokens -= buyer.speaker.tokens(request) + buyer.speaker.max_new_tokens
        room -= len(_line(request))
        money -= buyer.speaker.most(request)
        if part and min(tokens, room, money) < 0:
            break
        part.append(request)
    return part


def _line(request: Request) -> bytes:
    said = {"custom_id": request.key, "method": "POST", "url": "/v1/chat/completions", "body": request.body}
    return json.dumps(said).encode() + b"\n"


def _begin(buyer: Buyer, part: list[Request]) -> Path:
    """Store what will be sent, under a name that no other batch has, and set money aside for it."""
    folders = buyer.folder / "batches"
    number = len(list(folders.glob("*"))) if folders.is_dir() else 0
    digest = hashlib.sha256(json.dumps([number, [request.key for request in part]]).encode()).hexdigest()[:32]
    most = sum(buyer.speaker.most(request) for request in part)
    buyer.client  # noqa: B018  without a key nothing begins
    buyer.spending.reserve(most, f"a batch of {len(part)} requests")
    folder = folders / f"{number:05d}-{digest}"
    write(folder / "requests.jsonl", b"".join(map(_line, part)).decode())
    remember(folder / "ids.json", digest=digest, most=most)
    return folder


async def _finish_open(buyer: Buyer) -> None:
    """Wait for batches that an earlier job has begun; the beginning of one that it did not come to store is taken away."""
    for folder in sorted((buyer.folder / "batches").glob("*")):
        ids = recall(folder / "ids.json")
        if not ids:
            (folder / "requests.jsonl").unlink(missing_ok=True)
            folder.rmdir()
        elif "ended" not in ids:
            await _finish(buyer, folder)


async def _finish(buyer: Buyer, folder: Path, *, claimed: bool = False) -> str:
    """Send what is stored, unless it was sent; wait; store what came. ``claimed``: money is set aside already. Returns how
    it ended."""
    client, terms, path = buyer.client, buyer.terms, folder / "ids.json"
    ids = recall(path)
    if not claimed:
        buyer.spending.claim(ids["most"])
    try:
        if "file" not in ids:
            ids = remember(path, file=await _upload(buyer, folder / "requests.jsonl", f"rmft-{ids['digest']}.jsonl"))
        if "batch" not in ids:
            ids = remember(path, batch=await _create(buyer, ids))

        async def look() -> Batch:
            return shaped(await client.batches.retrieve(ids["batch"]), Batch, "status")

        batch = await until(look, lambda found: found.status in _ENDED, terms, f"batch {ids['batch']}")
        if batch.status == "failed":
            remember(path, ended=batch.status)  # it cost nothing, and what was wrong may be mended
        found = await _read(buyer, batch)
    except BaseException:
        buyer.spending.release(ids["most"])
        raise
    buyer.keep(found, reserved=ids["most"])
    remember(path, ended=batch.status)
    (folder / "requests.jsonl").unlink(missing_ok=True)
    return f"batch {batch.id} {batch.status}"


async def _upload(buyer: Buyer, path: Path, name: str) -> str:
    client = buyer.client.with_options(max_retries=0)

    async def find() -> str | None:
        async for file in buyer.client.files.list(purpose="batch"):
            if shaped(file, FileObject, "id").filename == name and file.status not in _FILE_ENDS:
                return file.id
        return None

    async def create() -> str:
        file = await client.files.create(file=(name, path.read_bytes()), purpose="batch")
        return shaped(file, FileObject, "id").id

    return await create_once(find, create, buyer.terms, "a batch's file", wait=3600 * buyer.terms.patience_hours)


async def _create(buyer: Buyer, ids: dict) -> str:
    client, mark = buyer.client.with_options(max_retries=0), {MARK: ids["digest"]}

    async def find() -> str | None:
        async for batch in buyer.client.batches.list(limit=100):
            if (shaped(batch, Batch, "id").metadata or {}).get(MARK) == ids["digest"]:
                return batch.id
        return None

    async def create() -> str:
        how = {"endpoint": "/v1/chat/completions", "completion_window": "24h", "metadata": mark}
        return shaped(await client.batches.create(input_file_id=ids["file"], **how), Batch, "id").id

    return await create_once(find, create, buyer.terms, "a batch", wait=3600 * buyer.terms.patience_hours)


async def _read(buyer: Buyer, batch: Batch) -> dict[str, Heard]:
    """The replies of a batch that has ended, by their keys. Raises ValueError for what sending again does not help."""
    if batch.status == "failed":
        errors = [error for error in (batch.errors.data if batch.errors else None) or []]
        if any(error.code == "token_limit_exceeded" for error in errors):
            return {}  # others' batches fill the queue
        said = errors[0].message if errors else "no reason given"
        raise ValueError(f"batch {batch.id} failed: {said}; mend it and run the same command again")
    found: dict[str, Heard] = {}
    for name, least in (
        (batch.output_file_id, getattr(batch.request_counts, "completed", 0)),
        (batch.error_file_id, 0),
    ):
        if name:
            found |= await _read_file(buyer, name, least)
    return found


async def _read_file(buyer: Buyer, name: str, least: int) -> dict[str, Heard]:
    """The replies in a file that holds ``least`` of them or more."""

    async def call() -> dict[str, Heard]:
        text = (await buyer.client.files.content(name)).text
        lines = [json.loads(line) for line in text.splitlines()]
        if len(lines) < least:
            raise Malformed(f"{len(lines)} of {least} results")
        return {line["custom_id"]: heard for line in lines if (heard := _heard(buyer, line)) is not None}

    return await ask(call, buyer.terms, f"the file {name}")


def _heard(buyer: Buyer, line: dict) -> Heard | None:
    """A reply from a line of results; None where the same request may be sent again. Raises ValueError where it may not."""
    response = line.get("response") or {}
    status, body = response.get("status_code"), response.get("body") or {}
    if status == 200:
        try:
            return buyer.speaker.heard(ChatCompletion.construct(**body))
        except Malformed:
            return None
    error = body.get("error") or line.get("error") or {}
    code, said = str(error.get("code")), str(error.get("message"))
    if none := unanswered(code, said):
        return no_reply(none)
    if status in (400, 401, 403, 404):
        raise ValueError(f"a request of a batch: {status} {said[:300]}; mend the model's entry and run again")
    return None
