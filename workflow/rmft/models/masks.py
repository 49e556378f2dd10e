"""Which slots of a cache with holes a new token sees, as the masks that a model's attention adds to its scores."""

import torch
from transformers import PreTrainedConfig

FULL, SLIDING = "full_attention", "sliding_attention"


class Masks:
    """The masks of a model: one, or one for each kind of its layers. Given as they are, they replace all that the library
    would make of its own, sliding windows too; so those are made here, from the tokens' positions."""

    def __init__(self, config: PreTrainedConfig, context_length: int | None) -> None:
        kinds = set(getattr(config, "layer_types", None) or ())
        if unknown := sorted(kinds - {FULL, SLIDING}):
            raise ValueError(
                f"{config.model_type}: has layers of {', '.join(unknown)}, which only the engine vllm can run"
            )
        window = getattr(config, "sliding_window", None) if SLIDING in kinds or not kinds else None
        self.window = window if window and (context_length is None or window < context_length) else None
        self.by_layer = SLIDING in kinds

    def __call__(
        self, filled: torch.Tensor, positions: torch.Tensor, old: int, dtype: torch.dtype
    ) -> torch.Tensor | dict[str, torch.Tensor]:
        """Masks (B x 1 x Q x S, 0 or the least number) of the slots from ``old`` on, the queries, over all slots.

        filled: B x S, whether a token stands in the slot. positions: B x S, of the tokens. A query sees the slots up to its
        own, or those of the last ``window`` tokens; padding sees itself, lest a softmax over nothing gives NaN.
        """
        full = filled[:, None, None, :]
        slot = torch.arange(filled.shape[1], device=filled.device)
        if filled.shape[1] > old + 1:
            full = (full & (slot <= slot[old:, None])) | (slot == slot[old:, None])
        if self.window is None:
            mask = _added(full, dtype)
            return {FULL: mask, SLIDING: mask} if self.by_layer else mask
        near = positions[:, old:, None] - positions[:, None, :] < self.window
        sliding = _added(full & (near[:, None] | (slot == slot[old:, None])), dtype)
        return {FULL: _added(full, dtype), SLIDING: sliding} if self.by_layer else sliding


def _added(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)
