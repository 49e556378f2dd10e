"""Attention for models whose query heads share keys and values, without a copy of them for every head."""

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask


def folded_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    **others: object,
) -> tuple[torch.Tensor, None]:
    """What transformers' "sdpa" gives: query B x H x Q x D, key and value B x G x S x D with G dividing H, an additive mask
    B x 1 x Q x S; returns B x Q x H x D.

    The H / G heads of a group stand one behind another as H / G times Q queries of one head. The library's own, given a
    mask, first copies the whole cache H / G times, at every token; without one (all is causal) it does not, and is used.
    """
    if attention_mask is None:
        return sdpa_attention_forward(module, query, key, value, None, scaling=scaling, **others)
    batch, heads, queries, width = query.shape
    shared = heads // key.shape[1]
    together = query.reshape(batch, key.shape[1], shared * queries, width)
    mask = attention_mask if queries == 1 else attention_mask.repeat(1, 1, shared, 1)
    mixed = scaled_dot_product_attention(together, key, value, attn_mask=mask, scale=scaling)
    return mixed.reshape(batch, heads, queries, width).transpose(1, 2), None


AttentionInterface.register("folded", folded_attention)
AttentionMaskInterface.register("folded", sdpa_mask)


def fold(model: PreTrainedModel) -> None:
    """Let a model with shared keys and values attend so, where it would use "sdpa"."""
    config = model.config.get_text_config()
    shares = getattr(config, "num_key_value_heads", None) not in (None, config.num_attention_heads)
    if shares and config._attn_implementation == "sdpa":
        model.set_attn_implementation("folded")
