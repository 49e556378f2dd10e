"""One selection of RMFT on numbers: L noisy trajectories of every scenario, and the mean of the k of lowest regret.

The noise is ours. Drawn once for a trajectory it moves the same policy at all steps, so that the lowest regret belongs to
the best fixed policy; drawn anew at every step, it belongs to who guessed each reward, which no history tells.
"""

import torch
from torch import Tensor

from rmft.models.numeric import to_space

NOISES = ("trajectory", "step")


def selected(
    rewards: Tensor, space: str, trajectories: int, k: int, noise: str, *, generator: torch.Generator
) -> Tensor:
    """The targets that L trajectories of an untrained policy give: B x 1 x d (noise by trajectory) or B x T x d (by step).

    rewards: B x T x d. The untrained policy is the middle of the space (0; 1/d), its noise Gaussian of variance 1 for each
    coordinate, before projection. Regret orders trajectories of one scenario as the negative sum_t <pi_t, R_t> does. The
    squared distance to k targets and to their mean differ by a constant. Raises ValueError for another noise.
    """
    if noise not in NOISES:
        raise ValueError(f"noise: must be one of {', '.join(NOISES)}, not {noise!r}")
    batch, steps, d = rewards.shape
    shape = (batch, trajectories, steps if noise == "step" else 1, d)
    middle = 1 / d if space == "simplex" else 0.0
    played = to_space(middle + torch.randn(shape, generator=generator), space)
    shown = rewards if noise == "step" else rewards.sum(dim=1, keepdim=True)
    earned = (played * shown[:, None]).sum(dim=(2, 3))
    best = earned.topk(k, dim=1).indices[:, :, None, None].expand(-1, -1, *shape[2:])
    return played.gather(1, best).mean(dim=1)
