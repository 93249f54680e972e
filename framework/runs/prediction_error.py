"""How far the mean prediction is from what happened, by horizon.

    error_h<k> = sqrt( mean_{b,d} (1/P sum_p o^p_k - o_k)_d^2 / v_d )        persistence_h<k>: the same for o_0

v is the variance over the recorded data of each number of a vector, and of all numbers of an image together: 1 is the
error of knowing nothing but the mean. Nothing counts past the end of an episode. Of several observations by name, each
has its own `error_<name>_h<k>`, and `error_h<k>` is the root of their mean square.
"""

import math
from collections import defaultdict
from typing import Any

import torch
from torch import Tensor

from ..data.windows import Windows
from ..models.world_model import WorldModel
from .open_loop import OpenLoop, by_name, predictions


def prediction_error(world_model: WorldModel, recorded: Windows, std: Any, setting: OpenLoop) -> dict[str, float]:
    """`model/error_h<k>` and `model/persistence_h<k>` of recorded windows `[B, H]`, in units of `std`, see `spread`."""
    units = {name: unit(one).to(world_model.device) for name, one in by_name(std).items()}
    chance = torch.Generator(world_model.device).manual_seed(0)
    squares: dict[str, Tensor] = defaultdict(lambda: torch.zeros(2, len(setting.horizons), dtype=torch.float64))
    count = torch.zeros(len(setting.horizons), dtype=torch.float64)
    for part in predictions(world_model, recorded, setting, chance):
        for i, guess in enumerate((part.particles.mean(0), part.start[:, None])):
            square = ((guess - part.truth) / units[part.name]).square().mean(-1)  # [B, K]
            squares[part.name][i] += square.masked_fill(~part.counts, 0.0).sum(0, dtype=torch.float64).cpu()
        count += part.counts.sum(0).cpu() / len(units)
    together = torch.stack(list(squares.values())).mean(0)
    found = {"": together} | ({f"_{name}": one for name, one in squares.items()} if len(units) > 1 else {})
    metrics = {}
    for name, (error, persistence) in found.items():
        for i, k in enumerate(setting.horizons):
            if count[i]:
                metrics[f"model/error{name}_h{k}"] = math.sqrt(error[i] / count[i])
                metrics[f"model/persistence{name}_h{k}"] = math.sqrt(persistence[i] / count[i])
    return metrics


def unit(std: Tensor) -> Tensor:
    """Of a vector's numbers one each, `[O]`; one for all numbers of an image."""
    return std if std.dim() == 1 else std.square().mean().sqrt()
