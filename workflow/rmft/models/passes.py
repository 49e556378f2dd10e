"""How trajectories share the passes of a fine-tuning: padded rows of like length, or packed end to end.

An optimiser step is a list of passes, a pass an array of indices of trajectories; gradients add up over a step's passes.
"""

import numpy as np
import torch

from rmft.models.recipe import Recipe

Rows = list[tuple[list[int], list[int]]]  # token ids and loss mask of each trajectory


def batches(lengths: np.ndarray, size: int, *, rng: np.random.Generator) -> list[np.ndarray]:
    """Indices in batches of like length, in random order: neighbours in length share a batch, so little is padding.

    A batch holds ``size`` rows, or fewer where one more would make more than 5% of it padding.
    """
    order = np.lexsort((rng.random(len(lengths)), -lengths))
    groups: list[list[int]] = []
    for row in order:
        longest, tokens = (lengths[groups[-1][0]], lengths[groups[-1]].sum()) if groups else (0, 0)
        if groups and len(groups[-1]) < size and tokens + lengths[row] >= 0.95 * longest * (len(groups[-1]) + 1):
            groups[-1].append(row)
        else:
            groups.append([row])
    return [np.array(groups[i]) for i in rng.permutation(len(groups))]


def packs(lengths: np.ndarray, rows: np.ndarray, tokens: int, least: int = 1) -> list[np.ndarray]:
    """``rows`` in few passes of at most ``tokens`` each, the longest row first, each where it fits best; a row that fits
    nowhere opens one more. At least ``least`` passes where there are as many rows, so that every process has one."""
    found: list[list[int]] = []
    room: list[int] = []
    for row in sorted(rows.tolist(), key=lambda row: (-lengths[row], row)):
        fits = [place for place, left in enumerate(room) if left >= lengths[row]]
        if fits and len(found) >= least:
            place = min(fits, key=lambda place: room[place])
        else:
            place = len(found)
            found.append([])
            room.append(tokens)
        found[place].append(row)
        room[place] -= int(lengths[row])
    return [np.array(group) for group in found]


def steps_of(
    lengths: np.ndarray, recipe: Recipe, *, rng: np.random.Generator, least: int = 1
) -> list[list[np.ndarray]]:
    """The optimiser steps of an epoch, each a list of passes; every trajectory is in one pass."""
    if not recipe.pass_tokens:
        return [[batch] for batch in batches(lengths, recipe.batch, rng=rng)]
    order = rng.permutation(len(lengths))
    if recipe.tokens_per_batch:
        before, count = np.cumsum(lengths[order]) - lengths[order], -(-lengths.sum() // recipe.tokens_per_batch)
        groups = np.split(order, np.flatnonzero(np.diff(before * count // lengths.sum())) + 1)  # of nearly equal tokens
    else:
        groups = np.split(order, range(recipe.batch, len(order), recipe.batch))
    return [packs(lengths, rows, recipe.pass_tokens, least) for rows in groups]


def in_order(lengths: np.ndarray, recipe: Recipe) -> list[np.ndarray]:
    """Passes of all rows, without learning."""
    rows = np.arange(len(lengths))
    if recipe.pass_tokens:
        return packs(lengths, rows, recipe.pass_tokens)
    return np.split(rows, range(recipe.batch, len(rows), recipe.batch))


def collate(rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and loss masks (each B x L, zeros on the right) of (ids, mask) rows: one row per trajectory."""
    ids, masks = ([torch.tensor(row[i]) for row in rows] for i in (0, 1))
    pad = torch.nn.utils.rnn.pad_sequence
    return pad(ids, batch_first=True), pad(masks, batch_first=True).bool()


def pack(rows: Rows) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, loss masks and positions (each 1 x L) of rows end to end: positions begin anew with every row, and its
    first token, which follows on another row's last, is no target."""
    ids = torch.tensor([token for row in rows for token in row[0]])
    mask = torch.tensor([own and place > 0 for row in rows for place, own in enumerate(row[1])])
    positions = torch.cat([torch.arange(len(row[0])) for row in rows])
    return ids[None], mask[None].bool(), positions[None]
