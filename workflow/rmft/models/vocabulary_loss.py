"""Cross-entropy over a large vocabulary: the logits of a few positions exist at once, and are computed again going back."""

from collections.abc import Callable

import torch
from torch.nn.functional import cross_entropy
from torch.utils.checkpoint import checkpoint

Head = Callable[[torch.Tensor], torch.Tensor]  # hidden states (N x D) to logits (N x V)


def _loss(head: Head, hidden: torch.Tensor, targets: torch.Tensor, softcap: float | None) -> torch.Tensor:
    logits = head(hidden)
    if softcap:
        logits = torch.tanh(logits / softcap) * softcap
    return cross_entropy(logits if logits.dtype == torch.float32 else logits.float(), targets, reduction="sum")


def vocabulary_loss(
    head: Head, hidden: torch.Tensor, targets: torch.Tensor, *, chunk: int | None = None, softcap: float | None = None
) -> torch.Tensor:
    """Summed cross-entropy of the targets (N) given hidden states (N x D), in float32. ``softcap``: the model's bound on
    its logits (Gemma-2). ``chunk``: positions whose logits exist at once; None: all, and they are kept for going back."""
    if not chunk:
        return _loss(head, hidden, targets, softcap)
    parts = zip(hidden.split(chunk), targets.split(chunk), strict=True)
    losses = [checkpoint(_loss, head, part, own, softcap, use_reentrant=False) for part, own in parts]
    return torch.stack(losses).sum() if losses else hidden.sum() * 0
