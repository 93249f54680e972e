"""How a network's output is read as a value, and what it is fitted by.

    squared error:  v = x                              loss = 1/2 (v - G)^2
    two-hot:        v = sum_i softmax(x)_i b_i         loss = - sum_i twohot(G)_i log softmax(x)_i

The bins b_i = symexp(z_i), z evenly spaced, are dense near zero and reach far: returns of any scale are learned with
one setting. Hafner et al. 2023 (DreamerV3), section "Critic learning".
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ..equations.symlog import symexp
from ..equations.two_hot import bins_beside, expected_bin


class ValueHead(nn.Module, ABC):
    """Reads values.

    Attributes:
        outputs: K, numbers that it needs.
        first_scale: what the last layer's first weights are multiplied by.
    """

    outputs: int
    first_scale: float

    @abstractmethod
    def read(self, output: Tensor) -> Tensor:
        """v `[*B]` of a network's output `[*B, K]`."""

    @abstractmethod
    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        """`[*B]` for the return G `[*B]`, which has no gradient."""


class SquaredError(ValueHead):
    """The output is the value."""

    outputs, first_scale = 1, 1.0

    def read(self, output: Tensor) -> Tensor:
        return output[..., 0]

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        return 0.5 * (output[..., 0] - target).square()


class TwoHot(ValueHead):
    """The output is a distribution over bins; the first one is uniform, and its mean 0.

    Args:
        bins: K, how many; odd, so that 0 is one of them.
        largest: z of the last bin; the first is its negative.

    Raises:
        ValueError: for fewer than three or an even number of bins, or `largest` not above 0.
    """

    first_scale = 0.0
    bins: Tensor

    def __init__(self, bins: int = 255, largest: float = 20.0) -> None:
        super().__init__()
        if bins < 3 or bins % 2 == 0:
            raise ValueError(f"bins: need an odd number from 3, got {bins}")
        if not largest > 0:
            raise ValueError(f"largest: need more than 0, got {largest}")
        self.outputs = bins
        half = symexp(torch.linspace(-largest, 0, bins // 2 + 1))
        self.register_buffer("bins", torch.cat([half, -half[:-1].flip(0)]), persistent=False)  # symmetric to the bit

    def read(self, output: Tensor) -> Tensor:
        return expected_bin(output.softmax(-1), self.bins)

    def loss(self, output: Tensor, target: Tensor) -> Tensor:
        index, share = bins_beside(target, self.bins)  # [*B, 2]: what is 0 in a two-hot need not be multiplied
        return output.logsumexp(-1) - (output.gather(-1, index) * share).sum(-1)
