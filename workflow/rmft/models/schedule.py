"""The learning rate of every fine-tuning."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warm_up_and_cosine(optimizer: Optimizer, steps: int) -> LambdaLR:
    """Up over a twentieth of ``steps`` to the optimiser's own rate, then down to 0 along a half cosine."""
    return LambdaLR(optimizer, lambda s: min(1, (s + 1) / (0.05 * steps)) * 0.5 * (1 + math.cos(math.pi * s / steps)))
