"""A model that learns: from a pass of trajectories to its loss, in one module, so that it can be spread over GPUs whole."""

import torch
from transformers import PreTrainedModel

from rmft.models.packed_attention import PACKED, attention_of, lengths_of
from rmft.models.passes import Rows, collate, pack
from rmft.models.policy import Policy, load
from rmft.models.recipe import Recipe
from rmft.models.vocabulary_loss import vocabulary_loss

_SCALED = ("logit_scale", "logits_scaling")  # of models whose logits are not what their head gives


def loss_of(
    model: PreTrainedModel,
    ids: torch.Tensor,
    mask: torch.Tensor,
    positions: torch.Tensor | None = None,
    *,
    chunk: int | None = None,
) -> torch.Tensor:
    """Summed cross-entropy of the masked tokens given all before them; logits of those positions only.

    ids, mask (B x L): padded rows, or, with ``positions`` (1 x L), trajectories end to end."""
    backbone, head = (
        model.get_base_model() if hasattr(model, "get_base_model") else model,
        model.get_output_embeddings(),
    )
    packed = {} if positions is None else _packed(model, positions[:, :-1])
    hidden = backbone.model(input_ids=ids[:, :-1], **packed).last_hidden_state
    keep, softcap = mask[:, 1:], getattr(model.config, "final_logit_softcapping", None)
    return vocabulary_loss(head, hidden[keep], ids[:, 1:][keep], chunk=chunk, softcap=softcap)


def _packed(model: PreTrainedModel, positions: torch.Tensor) -> dict:
    """What tells the model where trajectories begin."""
    own = {"position_ids": positions, "use_cache": False}
    return own | ({"lengths": lengths_of(positions)} if model.config._attn_implementation == PACKED else {})


class Learner(torch.nn.Module):
    """A model with the way its loss is taken."""

    def __init__(self, model: PreTrainedModel, recipe: Recipe, device: torch.device) -> None:
        super().__init__()
        self.model, self.recipe, self.device = model, recipe, device

    @property
    def layers(self) -> torch.nn.ModuleList:
        """The model's blocks."""
        model = self.model.get_base_model() if hasattr(self.model, "get_base_model") else self.model
        return model.model.layers

    def forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor | None = None) -> torch.Tensor:
        """The summed loss of a pass."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.recipe.bfloat16):
            return loss_of(self.model, ids, mask, positions, chunk=self.recipe.loss_chunk)

    def pass_of(self, rows: Rows) -> list[torch.Tensor]:
        """Rows as `forward` takes them."""
        tensors = pack(rows) if self.recipe.pass_tokens else collate(rows)
        return [tensor.to(self.device) for tensor in tensors]


def learner_of(policy: Policy, recipe: Recipe, device: torch.device, *, spread: bool = False) -> Learner:
    """The policy's model, ready to learn: frozen weights in the recipe's dtype, trained ones in float32. What is to
    be spread over processes stays where it was loaded. Raises ValueError for a model whose loss we do not know."""
    model = load(
        policy,
        trainable_adapter=recipe.adapters if recipe.lora else None,
        dtype=recipe.dtype if recipe.lora else "float32",
        attention=attention_of(device, bfloat16=recipe.bfloat16) if recipe.pass_tokens else None,
    )
    if scaled := [key for key in _SCALED if getattr(model.config, key, 1.0) not in (None, 1.0)]:
        raise ValueError(
            f"{policy.model}: its config has {scaled[0]}, which our loss does not know; take another model"
        )
    if recipe.activation_checkpointing:
        model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": False})
    return Learner(model if spread else model.to(device), recipe, device).train()
