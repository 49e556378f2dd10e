"""A model with narrow heads as an equal one with wide heads, for attention that knows few widths (vLLM's on CPUs)."""

import copy

from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel


def head_width(config: object) -> int:
    """Numbers in one head of a model's config."""
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def _spread(weight: Tensor, old: int, new: int) -> Tensor:
    """Zeros behind each half of every head along the first axis (heads x old): rotation pairs the halves."""
    halves = weight.reshape(-1, old // 2, *weight.shape[1:])
    spread = halves.new_zeros(len(halves), new // 2, *weight.shape[1:])
    spread[:, : old // 2] = halves
    return spread.reshape(-1, *weight.shape[1:])


def widened(model: PreTrainedModel, width: int) -> PreTrainedModel:
    """The same function with heads of ``width`` numbers, to the last bits of a float.

    With d numbers of a head among w, the rest zeros: the root mean square that q and k are divided by shrinks by
    sqrt(d / w) each and the scale of their products from d^-1/2 to w^-1/2, so k's norm gets a factor of sqrt(d / w); the
    base of the rotation to the power of w / d turns pair i as far as before. Raises ValueError for another architecture
    than Qwen3 with plain rotation.
    """
    config, old = copy.deepcopy(model.config), head_width(model.config)
    if config.model_type != "qwen3" or config.rope_parameters["rope_type"] != "default":
        raise ValueError(f"heads of {old} numbers cannot be widened to {width} in a model of type {config.model_type}")
    config.head_dim = width
    config.rope_parameters = {
        **config.rope_parameters,
        "rope_theta": config.rope_parameters["rope_theta"] ** (width / old),
    }
    wide, weights = AutoModelForCausalLM.from_config(config), {}
    for name, weight in model.state_dict().items():
        part = name.split(".")[-2]
        if part == "o_proj":
            weight = _spread(weight.T, old, width).T
        elif part in ("q_proj", "k_proj", "v_proj", "q_norm", "k_norm"):
            weight = _spread(weight, old, width) * ((old / width) ** 0.5 if part == "k_norm" else 1)
        weights[name] = weight.contiguous()
    wide.load_state_dict(weights)
    return wide.to(next(model.parameters()).dtype).eval()
