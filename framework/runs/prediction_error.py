"""How far the mean prediction is from what happened, by horizon.

    error_h<k> = sqrt( mean_{b,d} ( (1/P sum_p s^p_k - s_k)_d / std_d )^2 )        persistence_h<k>: the same for s_0

std is of each dimension over the recorded data: 1 is the error of knowing nothing but the mean. Nothing counts past the
end of an episode.
"""

import math

import torch
from torch import Tensor

from ..data.windows import Windows
from ..models.world_model import WorldModel
from .open_loop import OpenLoop, predictions


def prediction_error(world_model: WorldModel, recorded: Windows, std: Tensor, setting: OpenLoop) -> dict[str, float]:
    """`model/error_h<k>` and `model/persistence_h<k>` of recorded windows `[B, H]`, in units of `std` `[S]`."""
    std = std.to(world_model.device)
    chance = torch.Generator(world_model.device).manual_seed(0)
    sums = torch.zeros(3, len(setting.horizons), dtype=torch.float64)  # of error, persistence and starts
    for part in predictions(world_model, recorded, setting, chance):
        for i, guess in enumerate((part.particles.mean(0), part.state[:, None])):
            square = ((guess - part.truth) / std).square().mean(-1)  # [B, K]
            sums[i] += square.masked_fill(~part.counts, 0.0).sum(0, dtype=torch.float64).cpu()
        sums[2] += part.counts.sum(0).cpu()
    error, persistence, count = sums.tolist()
    metrics = {}
    for i, k in enumerate(setting.horizons):
        if count[i]:
            metrics[f"model/error_h{k}"] = math.sqrt(error[i] / count[i])
            metrics[f"model/persistence_h{k}"] = math.sqrt(persistence[i] / count[i])
    return metrics
