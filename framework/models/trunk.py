"""The hidden layers of a perceptron: h_{l+1} = phi(norm(W_l h_l + b_l)), without an output layer.

Layer normalisation: Ba, Kiros and Hinton 2016.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from .networks import ACTIVATIONS


class Trunk(nn.Module):
    """Called with `[*B, inputs]`, gives `[*B, size]`.

    Attributes:
        size: of the last layer, or `inputs` where there is none: then it is the identity.

    Args:
        inputs: numbers that come in.
        hidden: sizes of the layers.
        activation: one of silu, relu, tanh, elu, gelu.
        layer_norm: whether each layer's numbers are normalised before the activation.

    Raises:
        ValueError: for an activation that is none of these, or a layer of no size.
    """

    def __init__(self, inputs: int, hidden: Sequence[int], activation: str = "silu", layer_norm: bool = True) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: need one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        if any(size < 1 for size in hidden):
            raise ValueError(f"hidden: need sizes of at least 1, got {list(hidden)}")
        self.activation = activation
        sizes = [inputs, *hidden]
        self.size = sizes[-1]
        self.linear = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(sizes))
        self.norms = nn.ModuleList(nn.LayerNorm(size) if layer_norm else nn.Identity() for size in hidden)

    def forward(self, x: Tensor) -> Tensor:
        phi = ACTIVATIONS[self.activation]
        for linear, norm in zip(self.linear, self.norms, strict=True):
            x = phi(norm(linear(x)), False)
        return x
