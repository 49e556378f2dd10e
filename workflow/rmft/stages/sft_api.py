"""How a closed model learns from selected trajectories: by its provider's fine-tuning jobs. Imported by name (sft)."""

import asyncio
from argparse import Namespace
from dataclasses import replace

import pyarrow as pa

from rmft.models.openai_examples import Chat, Examples, examples, last_lines
from rmft.models.openai_terms import served_from_config
from rmft.models.openai_tuning import Order, tune
from rmft.models.policy import Policy
from rmft.stages import files, program
from rmft.stages.account import account_of, purchaser


def train(
    parent: Policy, parts: tuple[pa.Table, pa.Table], settings: dict, args: Namespace, *, seed: int
) -> tuple[str, list[dict], list[int]]:
    """Fine-tune on the first part; the second watches. Returns the new model's name, the learning curve and how many
    conversations of each part were taken."""
    if args.targets not in ("all", "answer"):
        raise ValueError(f"--targets: {args.targets} is for numeric policies; words learn all or answer")
    entry = program.entry(args.model, "--model", "model", "base_url", "account")
    account, terms = account_of(entry["account"])
    chats = [_chats(part, args.targets) for part in parts]
    training = examples(chats[0], terms, least=terms.least_examples)
    watching = _watching(examples(chats[1], terms, least=0))
    served = replace(served_from_config(entry), model=parent.model)
    order = Order(served, terms, training, watching, settings, seed)
    made = asyncio.run(tune(order, account, purchaser(args.output)))
    taken = [training.number, watching.number if watching else 0]
    print(
        f"sft: {made['model']} from {taken[0]} conversations ({training.left_out} left out), {made['usd']:.4f} dollars"
    )
    return made["model"], made["curve"], taken


def _watching(found: Examples) -> Examples | None:
    """The examples, or None where there are none."""
    return found if found.number else None


def _chats(table: pa.Table, targets: str) -> list[Chat]:
    """Every conversation of the trajectories, up to the last reply."""
    found = [_to_the_last_reply(chat) for text in table["messages"].to_pylist() for chat in files.chats(text)]
    return [last_lines(chat) for chat in found] if targets == "answer" else found


def _to_the_last_reply(chat: Chat) -> Chat:
    while chat and chat[-1]["role"] != "assistant":
        chat = chat[:-1]
    return chat
