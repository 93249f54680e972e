"""The deterministic path of a recurrent state-space model, h_t = f(h_{t-1}, z_{t-1}, a_{t-1}).

Hafner et al. 2019 (PlaNet), section 3.
"""

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn


class RecurrentCell(nn.Module, ABC):
    """f. Its sizes follow from the model it is in, which tells them once.

    A cell that is `Explicit` as well, with the inputs (h, z), is scanned without a graph: see `filtering_scan.py`.
    """

    @abstractmethod
    def build(self, stochastic_size: int, action_size: int, deterministic_size: int) -> Self:
        """Makes the weights for z `[*B, Z]`, a `[*B, A]` and h `[*B, D]`."""

    @abstractmethod
    def drive(self, action: Tensor) -> Tensor:
        """What enters of an action `[*B, A]`, `[*B, I]`: worked out for all frames of a sequence at once."""

    @abstractmethod
    def forward(self, deterministic: Tensor, stochastic: Tensor, drive: Tensor) -> Tensor:
        """h_t `[*B, D]` from h `[*B, D]`, z `[*B, Z]` and the drive `[*B, I]` before it."""


def scaled_normal_(weight: Tensor, inputs: int) -> Tensor:
    """Fills a weight from a normal of standard deviation 1 / sqrt(inputs), cut off at two of its own, as DreamerV3.

    The normal that is cut off is wider, so that the numbers drawn have this standard deviation.
    """
    std = 1.1368 / inputs**0.5
    with torch.no_grad():
        return nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std)


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """A layer that starts as `scaled_normal_`, without offset."""
    layer = nn.Linear(inputs, outputs, bias)
    scaled_normal_(layer.weight, inputs)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer
