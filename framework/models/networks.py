"""Multi-layer perceptrons of several members, evaluated by one batched matmul a layer.

h_0 = x        h_{l+1} = phi(h_l W_l + b_l)        y = h_L W_L + b_L        for every member at once
"""

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Layers = list[
    tuple[Tensor, Tensor]
]  # of every layer weight [M, out, in] and bias [M, 1, out]; squeezed [out, in], [out]

ACTIVATIONS: dict[str, Callable[[Tensor, bool], Tensor]] = {  # the flag allows to overwrite the argument
    "silu": lambda x, inplace: F.silu(x, inplace=inplace),
    "relu": lambda x, inplace: F.relu(x, inplace=inplace),
    "elu": lambda x, inplace: F.elu(x, inplace=inplace),
    "tanh": lambda x, inplace: x.tanh_() if inplace else x.tanh(),
    "gelu": lambda x, inplace: F.gelu(x),
}


class MLP(nn.Module):
    """`members` independent perceptrons with the same sizes.

    Weights start as a normal of standard deviation 1 / (2 sqrt(in)) truncated at two of them (Chua et al. 2018, code).

    Args:
        inputs: size of x.
        outputs: size of y.
        hidden: sizes of the hidden layers.
        members: how many perceptrons.
        activation: one of silu, relu, tanh, elu, gelu.

    Raises:
        ValueError: for an activation that is none of these.
    """

    def __init__(
        self, inputs: int, outputs: int, hidden: Sequence[int] = (200, 200), members: int = 1, activation: str = "silu"
    ) -> None:
        super().__init__()
        if activation not in ACTIVATIONS:
            raise ValueError(f"activation: need one of {', '.join(ACTIVATIONS)}, got {activation!r}")
        keep_freed_memory()
        self.activation = activation
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        sizes = [inputs, *hidden, outputs]
        for fan_in, fan_out in pairwise(sizes):
            std = 1 / (2 * math.sqrt(fan_in))
            weight = torch.empty(members, fan_out, fan_in)  # as in nn.Linear: a narrow last layer is twice as fast so
            self.weights.append(nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std))
            self.biases.append(torch.zeros(members, 1, fan_out))

    def layers(self, members: Tensor | None = None) -> Layers:
        """The parameters of all members, or of those given by index `[M]` (repetitions allowed)."""
        # twice as fast as reading a ParameterList
        pairs = zip(self.weights.parameters(), self.biases.parameters(), strict=True)
        if members is None:
            return list(pairs)
        return [(weight[members], bias[members]) for weight, bias in pairs]

    def forward(self, x: Tensor) -> Tensor:
        """`[M, R, inputs]` -> `[M, R, outputs]`, or from `[1, R, inputs]`, the same rows for every member."""
        return evaluate(self.layers(), x, self.activation)


def whole(network: MLP, x: Tensor) -> Tensor:
    """`[*B, in]` -> `[M, *B, out]` in the weights' precision whatever autocast says, for what is read as a value.

    bfloat16 knows a return of 200 to 1.
    """
    with torch.autocast(x.device.type, enabled=False):
        weight = network.weights[0]
        return network(x.to(weight.dtype).reshape(1, -1, x.shape[-1])).view(len(weight), *x.shape[:-1], -1)


@cache
def keep_freed_memory() -> None:
    """Lets the C library reuse the memory of activations, once a process.

    glibc returns freed blocks of more than 128 KiB to the system until it has seen larger ones freed; then every layer
    pays for its pages anew, a sixth of a planning step. Elsewhere, and on a GPU, this changes nothing.
    """
    torch.empty(31 << 20, dtype=torch.uint8)  # just under the largest threshold that glibc adapts to


def squeezed(layers: Layers) -> Layers:
    """The layers of one member without the leading dimension, for a plain matmul; of several members as they are."""
    return [(weight[0], bias[0, 0]) for weight, bias in layers] if len(layers[0][0]) == 1 else layers


def evaluate(layers: Layers, x: Tensor, activation: str) -> Tensor:
    """M perceptrons at rows `[M, R, in]` or `[1, R, in]` -> `[M, R, out]`; squeezed, `[R, in]` -> `[R, out]`."""
    phi = ACTIVATIONS[activation]
    inplace = not torch.is_grad_enabled()
    *hidden, (weight, bias) = layers
    if weight.dim() == 2:
        for w, b in hidden:
            x = phi(F.linear(x, w, b), inplace)
        return F.linear(x, weight, bias)
    if len(x) != len(weight):
        x = x.expand(len(weight), -1, -1)
    for w, b in hidden:
        x = phi(torch.baddbmm(b, x, w.mT), inplace)  # [M, R, out]
    return torch.baddbmm(bias, x, weight.mT)
