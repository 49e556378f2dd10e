"""Tokens that fine-tuning processes: one sequence per trajectory against one row per step, and the share of padding."""

import numpy as np
from laptop_model import CONFIG, dialogues, engine
from measure import Row, table
from rollout import Writer, begins

from rmft.core.trajectory import Trajectory
from rmft.models.passes import batches, collate

BATCH = CONFIG["models"]["tiny"]["sft"]["batch"]
CHOSEN = 128  # trajectories of one iteration on the laptop: 64 scenarios, two of each


def per_step(record: Trajectory) -> int:
    """Tokens of a trajectory as rows of (dialogue so far, reply)."""
    return int(begins(record)[1].sum())


def token_row(records: list[Trajectory], horizon: int, limit: str) -> Row:
    """One sequence per trajectory against one row per step."""
    ours, other = sum(len(r.token_ids) for r in records), sum(map(per_step, records))
    what = f"tokens of fine-tuning, T={horizon}: one row per step"
    return Row(what, f"{ours:,}", f"{other:,}", other / ours, limit, "(T + 1) / 2 where all steps are alike")


def padding(lengths: np.ndarray, groups: list[np.ndarray]) -> float:
    """Share of padding, in percent, of the batches' tensors."""
    rows = [([0] * length, [1] * length) for length in lengths]
    size = sum(collate([rows[i] for i in group])[0].numel() for group in groups)
    return 100 * (1 - lengths.sum() / size)


def padding_row(records: list[Trajectory], horizon: int) -> Row:
    """Batches of like length against batches in random order."""
    lengths, rng = np.array([len(r.token_ids) for r in records]), np.random.default_rng(0)
    order = rng.permutation(len(lengths))
    plain = padding(lengths, [order[i : i + BATCH] for i in range(0, len(order), BATCH)])
    ours = padding(lengths, batches(lengths, BATCH, rng=rng))
    what = f"padding of fine-tuning, T={horizon}, percent: batches in random order"
    note = f"ratio: our percent; lengths {lengths.min()} to {lengths.max()}, {BATCH} a batch"
    return Row(what, f"{ours:.2f}%", f"{plain:.2f}%", ours, "at most 5", note)


def rows() -> list[Row]:
    """As sampled at T = 20 and T = 100; T = 100 in the strict form, too."""
    learnt, long = dialogues(engine(), 20, range(CHOSEN)), dialogues(engine(), 100, range(64))
    written = dialogues(engine(Writer), 100, range(16))
    tokens = [token_row(learnt, 20, ""), token_row(written, 100, "at least 20")]
    return [*tokens, padding_row(learnt, 20), padding_row(long, 100)]


if __name__ == "__main__":
    print(table(rows()))
