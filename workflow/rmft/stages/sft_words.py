"""What a language model learns from selected trajectories: its own tokens. Imported by name (rmft.stages.sft)."""

from argparse import Namespace
from itertools import accumulate, pairwise
from pathlib import Path

import pyarrow as pa

from rmft.models.answer import answer_alone
from rmft.models.finetune import finetune
from rmft.models.passes import Rows
from rmft.models.policy import Policy, load_tokenizer


def train(
    parent: Policy,
    parts: tuple[pa.Table, pa.Table],
    settings: dict,
    args: Namespace,
    *,
    folder: Path,
    seed: int,
    scratch: Path,
) -> tuple[list[dict], list[int]]:
    """Fine-tune into ``folder`` on the first part; the second watches. Returns the learning curve and the conversations."""
    if args.targets not in ("all", "answer"):
        raise ValueError(f"--targets: {args.targets} is for numeric policies; words learn all or answer")
    found = [conversations(part, args) for part in parts]
    if args.targets == "answer":
        tokenizer = load_tokenizer(parent)
        found = [[answer_alone(row, tokenizer) for row in rows] for rows in found]
    where = {"folder": folder, "scratch": scratch, "processes": max(1, args.processes)}
    return finetune(parent, *found, settings, seed=seed, **where), [len(rows) for rows in found]


def conversations(table: pa.Table, args: Namespace) -> Rows:
    """Every conversation of the trajectories."""
    rows = []
    columns = (table[name].to_pylist() for name in ("chat_tokens", "token_ids", "loss_mask"))
    for sizes, tokens, mask in zip(*columns, strict=True):
        if not (sizes and tokens and mask) or not sum(sizes) == len(tokens) == len(mask):
            raise ValueError(
                f"{args.trajectories}: chat_tokens, token_ids and loss_mask do not fit; delete it and roll out again, or "
                f"{args.policy}, if that is of another cell"
            )
        ends = list(accumulate(sizes, initial=0))
        rows.extend((tokens[a:b], mask[a:b]) for a, b in pairwise(ends))
    return rows
