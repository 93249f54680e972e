"""Particles as a mean and the band that holds 80 percent of them."""

import math
from typing import Any

import torch
from torch import Tensor

BAND = (0.1, 0.9)


def band(particles: Tensor) -> dict[str, list[float]]:
    """`mean`, `low` and `high`, each `[H]`, of particles `[P, H]`. Where none is finite, neither are they."""
    values = particles.double().cpu()
    low, high = values.nanquantile(torch.tensor(BAND, dtype=torch.float64), dim=0)
    return {"mean": values.mean(0).tolist(), "low": low.tolist(), "high": high.tolist()}


def one_number(particles: Tensor) -> dict[str, float]:
    """The same of one number of each particle, `[P]`."""
    return {name: values[0] for name, values in band(particles[:, None]).items()}


def plain(value: Any) -> Any:
    """A value that JSON has: what is not finite is None."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
