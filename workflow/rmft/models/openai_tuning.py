"""Fine-tuning by the API: check, upload, create, wait, fetch the model's name. No step is paid for twice.

Each id is stored when it is known and before anything waits on it. A crash between the two is mended by looking for what was
made: files by a name that holds their digest, the job by the digest in its metadata.
"""

import base64
import csv
import hashlib
import io
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from openai import AsyncOpenAI
from openai.types import FileObject
from openai.types.fine_tuning import FineTuningJob

from rmft.models.openai_batches import MARK
from rmft.models.openai_client import Malformed, ask, connect, create_once, shaped, until
from rmft.models.openai_examples import Examples
from rmft.models.openai_spending import Spending
from rmft.models.openai_store import recall, remember, write
from rmft.models.openai_terms import Served, Terms

_ENDED = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True)
class Order:
    """What is to be made: of which model, from which examples (``watching``: those that only watch the loss), with which
    hyper-parameters of the API and which seed."""

    served: Served
    terms: Terms
    training: Examples
    watching: Examples | None
    settings: dict
    seed: int

    @property
    def digest(self) -> str:
        """Names the order."""
        parts = json.dumps([self.served.model, self.settings, self.seed], sort_keys=True).encode()
        watching = self.watching.lines if self.watching else b""
        return hashlib.sha256(b"\0".join((parts, self.training.lines, watching))).hexdigest()[:32]

    @property
    def usd(self) -> float:
        """Dollars that it may cost: an estimate, as the provider counts the tokens and may choose the epochs."""
        epochs = self.settings.get("n_epochs", 3)
        return self.terms.prices.training(self.training.tokens * (epochs if isinstance(epochs, int) else 3))


async def tune(order: Order, account: Path, name: str) -> dict:
    """Order, wait and fetch. Returns model (the new one's name), tokens (trained on), usd and curve."""
    folder = account / name
    path, paid = folder / order.digest / "ids.json", recall(folder / "paid.json")
    spending = Spending(account / f"spent/{name}.json", order.terms.max_usd, list(paid.values()))
    if "model" not in (ids := recall(path)):
        client = connect(order.served, order.terms)
        (spending.claim if "job" in ids else partial(spending.reserve, what="a fine-tuning job"))(order.usd)
        try:
            async with client:
                job = await _made(client, order, path, ids)
                entry = _booked(order, folder, job)
                if job.status != "succeeded":
                    raise ValueError(_failed(path, job))
                ids = {"curve": await _curve(client, order, job), **entry, "tokens": entry["trained"]}
        finally:
            spending.release(order.usd)
            paid = {job: entry for job, entry in recall(folder / "paid.json").items() if job not in paid}
            spending.pay(list(paid.values()), reserved=0.0)
        ids = remember(path, model=job.fine_tuned_model, **ids)
    return {key: ids[key] for key in ("model", "tokens", "usd", "curve")}


def _booked(order: Order, folder: Path, job: FineTuningJob) -> dict:
    """What a job has cost, stored by its id."""
    tokens = job.trained_tokens or 0
    entry = {"usd": order.terms.prices.training(tokens), "trained": tokens}
    remember(folder / "paid.json", **{job.id: entry})
    return entry


def _failed(path: Path, job: FineTuningJob) -> str:
    """Store that a job failed, so that the next run orders another one. Returns what to say."""
    ids = recall(path)
    write(path, json.dumps({key: ids[key] for key in ids if key != "job"} | {"attempt": _attempt(ids) + 1}) + "\n")
    said = (job.error.message if job.error else None) or "no reason given"
    return f"fine-tuning job {job.id} {job.status}: {said}; mend it and run the same command again to order another one"


def _attempt(ids: dict) -> int:
    """How many jobs of the order have failed."""
    return ids.get("attempt", 0)


async def _made(client: AsyncOpenAI, order: Order, path: Path, ids: dict) -> FineTuningJob:
    """The job when it has ended; files and job are made where they are not there yet."""
    for key, examples in (("training", order.training), ("watching", order.watching)):
        if examples is not None and key not in ids:
            ids = remember(path, **{key: await _upload(client, order, examples, key)})
    if "job" not in ids:
        ids = remember(path, job=await _create(client, order, ids))

    async def look() -> FineTuningJob:
        job = shaped(await client.fine_tuning.jobs.retrieve(ids["job"]), FineTuningJob, "status")
        if job.status == "succeeded" and not job.fine_tuned_model:
            raise Malformed("a job that succeeded and made no model")
        return job

    return await until(look, lambda job: job.status in _ENDED, order.terms, f"fine-tuning job {ids['job']}")


async def _upload(client: AsyncOpenAI, order: Order, examples: Examples, key: str) -> str:
    name = f"rmft-{key}-{hashlib.sha256(examples.lines).hexdigest()[:32]}.jsonl"
    once = client.with_options(max_retries=0)

    async def find() -> str | None:
        async for file in client.files.list(purpose="fine-tune"):
            if shaped(file, FileObject, "id").filename == name and file.status not in ("error", "deleted"):
                return file.id
        return None

    async def create() -> str:
        file = await once.files.create(file=(name, examples.lines), purpose="fine-tune")
        return shaped(file, FileObject, "id").id

    wait = 3600 * order.terms.patience_hours
    return await create_once(find, create, order.terms, f"the file of {key} examples", wait=wait)


async def _create(client: AsyncOpenAI, order: Order, ids: dict) -> str:
    once, mark = client.with_options(max_retries=0), f"{order.digest}-{_attempt(ids)}"
    method = {"type": "supervised", "supervised": {"hyperparameters": order.settings}}
    files = {"training_file": ids["training"]} | ({"validation_file": ids["watching"]} if "watching" in ids else {})

    async def find() -> str | None:
        async for job in client.fine_tuning.jobs.list(limit=100):
            if (shaped(job, FineTuningJob, "id").metadata or {}).get(MARK) == mark:
                return job.id
        return None

    async def create() -> str:
        said = {"model": order.served.model, "seed": order.seed % 2**31, "suffix": f"rmft-{order.digest[:8]}"}
        job = await once.fine_tuning.jobs.create(**said, **files, method=method, metadata={MARK: mark})
        return shaped(job, FineTuningJob, "id").id

    wait = 3600 * order.terms.patience_hours
    return await create_once(find, create, order.terms, "a fine-tuning job", wait=wait)


async def _curve(client: AsyncOpenAI, order: Order, job: FineTuningJob) -> list[dict]:
    """The losses of a job's steps, one point for each epoch; none where the provider gives no such file."""
    if not job.result_files:
        return []

    async def call() -> list[dict]:
        text = (await client.files.content(job.result_files[0])).text
        try:
            return _points(text, job.hyperparameters.n_epochs)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Malformed(f"metrics that are none: {error!r}") from None

    return await ask(call, order.terms, f"the metrics {job.result_files[0]}")


def _points(text: str, epochs: object) -> list[dict]:
    """Mean training loss and last validation loss of each epoch, from a CSV of steps (plain, or in base64)."""
    if not text.startswith("step,"):
        text = base64.b64decode(text, validate=True).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    parts = min(epochs if isinstance(epochs, int) else 1, len(rows))
    curve = []
    for epoch in range(parts):
        own = rows[len(rows) * epoch // parts : len(rows) * (epoch + 1) // parts]
        watched = [float(row["valid_loss"]) for row in own if row.get("valid_loss")]
        loss = sum(float(row["train_loss"]) for row in own) / len(own)
        curve.append({"epoch": epoch + 1, "train_loss": loss, "validation_loss": watched[-1] if watched else None})
    return curve
