"""Attention of trajectories that stand end to end in one row: each sees itself alone, and what it costs is its own square.

Known to transformers as ``packed``, by its own register of attention functions. Where flash-attn is installed, transformers'
own way with it is taken instead: it finds the trajectories by their positions.
"""

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.utils import is_flash_attn_2_available

PACKED = "packed"


def attention_of(device: torch.device, *, bfloat16: bool) -> str:
    """What attends in packed passes on this device."""
    return "flash_attention_2" if device.type == "cuda" and bfloat16 and is_flash_attn_2_available() else PACKED


def lengths_of(positions: torch.Tensor) -> list[int]:
    """Tokens of each trajectory of a packed row (1 x L), of which each begins at position 0."""
    starts = torch.nonzero(positions[0] == 0)[:, 0].tolist()
    return [b - a for a, b in zip(starts, [*starts[1:], positions.shape[1]], strict=True)]


def packed_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    lengths: list[int],
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_: object,
) -> tuple[torch.Tensor, None]:
    """Query (1 x H x L x D), key and value (1 x G x L x D) to what is seen (1 x L x H x D), causal within each of the
    ``lengths``, which add up to L."""
    groups = {"scaling": scaling, "sliding_window": sliding_window, "softcap": softcap}
    pieces = zip(*(tensor.split(lengths, dim=2) for tensor in (query, key, value)), strict=True)
    seen = [_attend(*piece, **groups) for piece in pieces]
    return torch.cat(seen, dim=2).transpose(1, 2), None


def _attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    scaling: float | None,
    sliding_window: int | None,
    softcap: float | None,
) -> torch.Tensor:
    """One trajectory. Soft-capped scores, as Gemma-2's, are no kernel's, so that they exist as a whole."""
    length, grouped = query.shape[2], query.shape[1] != key.shape[1]
    short = not sliding_window or length <= sliding_window
    if not softcap and short:
        return scaled_dot_product_attention(query, key, value, is_causal=True, scale=scaling, enable_gqa=grouped)
    place = torch.arange(length, device=query.device)
    back = place[:, None] - place
    mask = (back >= 0) if short else (back >= 0) & (back < sliding_window)
    if not softcap:
        return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scaling, enable_gqa=grouped)
    times = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(times, dim=1), value.repeat_interleave(times, dim=1)
    scores = query @ key.transpose(2, 3) * (query.shape[-1] ** -0.5 if scaling is None else scaling)
    scores = (torch.tanh(scores / softcap) * softcap).masked_fill(~mask, torch.finfo(scores.dtype).min)
    return scores.softmax(dim=-1, dtype=torch.float32).to(query.dtype) @ value


AttentionInterface.register(PACKED, packed_attention)
