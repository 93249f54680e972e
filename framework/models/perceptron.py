"""A multi-layer perceptron whose hidden layers may be normalised, as those of DreamerV3.

h_{l+1} = phi(norm(W_l h_l + b_l))        norm: none, or root mean square
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

import torch
from torch import Tensor, nn

from ..equations.rms_norm import rms_norm
from .explicit import explicit_activation
from .recurrent_cell import linear


class Perceptron(nn.Module):
    """From `[*B, inputs]` to `[*B, outputs]`, these in float32 whatever autocast says.

    What is read as a value or a distribution needs it: bfloat16 knows a return of 200 to 1, and no action between 0.996
    and 1.

    Args:
        inputs, outputs: sizes.
        hidden: sizes of the hidden layers.
        activation: phi; one of silu, relu, elu, tanh.
        normalize: whether hidden layers are normalised.

    Raises:
        ValueError: for another activation.
    """

    def __init__(self, inputs: int, outputs: int, hidden: Sequence[int], activation: str, normalize: bool) -> None:
        super().__init__()
        explicit_activation(activation)
        self.activation = activation
        sizes = [inputs, *hidden, outputs]
        self.layers = nn.ModuleList(linear(size, following) for size, following in pairwise(sizes))
        self.gains = nn.ParameterList(torch.ones(size) for size in hidden if normalize)

    @torch.no_grad()
    def with_outputs_scaled(self, factor: float) -> Self:
        """The same, its last layer's weights multiplied."""
        self.layers[-1].weight.mul_(factor)  # type: ignore[operator]
        return self

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for index, layer in enumerate(hidden):
            x = layer(x)
            if self.gains:
                x = rms_norm(x, self.gains[index])[0]
            x = explicit_activation(self.activation).run(x)
        if not torch.is_autocast_enabled(x.device.type):
            return last(x)
        with torch.autocast(x.device.type, enabled=False):
            return last(x.float())
