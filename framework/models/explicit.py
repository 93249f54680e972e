"""Parts of a recurrence with gradients written out, so that a scan over time needs no graph.

    forward    y_t = run(W, c_t, x_t)                    step by step
    backward   dL/dx_t, delta_t = back(dL/dy_t)          step by step, backwards
    dL/dW = sum_t f(x_t, delta_t)                        for all frames in one matrix product

with c_t whatever is worked out for all frames before the recurrence, and delta the gradients of the pre-activations.
Leaving dL/dW out of the loop is what a graph of single steps cannot do. Werbos 1990, section III.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

Tensors = tuple[Tensor, ...]
Frames = tuple[list[Tensor], ...]
"""The entries of a tuple at every frame: a list of L tensors `[B, ...]` for each."""


class Explicit(ABC):
    """A pure function of weights and inputs, and its gradient; rows are independent."""

    @abstractmethod
    def weights(self) -> Tensors:
        """The parameters in the form that `run` reads; what is done to them here has a gradient of its own."""

    @abstractmethod
    def run(self, weights: Tensors, given: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensors]:
        """The output of rows `[B, ...]`, and what `back` and `gradients` need of them. Can be differentiated, too."""

    @abstractmethod
    def back(self, weights: Tensors, saved: Tensors, grad: Tensor) -> tuple[Tensors, Tensors]:
        """The gradients of the inputs, and deltas, for the gradient of the output."""

    @abstractmethod
    def gradients(self, saved: Frames, deltas: Frames) -> tuple[Tensor, Tensors]:
        """The gradient of `given` `[L * B, ...]` and those of the weights, for all frames."""


def evaluate(part: Explicit, given: Tensor, *inputs: Tensor) -> Tensor:
    """The output for inputs `[*B, ...]`, in the weights' precision whatever autocast says."""
    with torch.autocast(given.device.type, enabled=False):
        weights = part.weights()
        flat = (x.to(weights[0].dtype).reshape(-1, x.shape[-1]) for x in (given, *inputs))
        return part.run(weights, *flat)[0].view(*given.shape[:-1], -1)


def rows(frames: list[Tensor]) -> Tensor:
    """L tensors `[B, ...]` -> `[L * B, ...]`."""
    return torch.cat(frames)


def tanh(x: Tensor) -> Tensor:
    """2 sigmoid(2 x) - 1: torch's own takes nine times as long on a CPU."""
    return (2 * x).sigmoid() * 2 - 1


def tanh_backward(grad: Tensor, y: Tensor) -> Tensor:
    """dL/dx for y = tanh(x)."""
    return grad * (1 - y * y)


def sigmoid_backward(grad: Tensor, y: Tensor) -> Tensor:
    """dL/dx for y = sigmoid(x)."""
    return grad * (1 - y) * y


class Activation(NamedTuple):
    """phi and the gradient of its argument x: `back(dL/dy, x, y)`."""

    run: Callable[[Tensor], Tensor]
    back: Callable[[Tensor, Tensor, Tensor], Tensor]


ops = torch.ops.aten
EXPLICIT_ACTIVATIONS: dict[str, Activation] = {
    "silu": Activation(ops.silu.default, lambda grad, x, y: ops.silu_backward.default(grad, x)),
    "relu": Activation(ops.relu.default, lambda grad, x, y: ops.threshold_backward.default(grad, y, 0)),
    "elu": Activation(ops.elu.default, lambda grad, x, y: ops.elu_backward.default(grad, 1, 1, 1, True, y)),
    "tanh": Activation(tanh, lambda grad, x, y: tanh_backward(grad, y)),
}


def explicit_activation(name: str) -> Activation:
    """The one of this name.

    Raises:
        ValueError: for one whose gradient is not here.
    """
    if name not in EXPLICIT_ACTIVATIONS:
        raise ValueError(f"activation: need one of {', '.join(EXPLICIT_ACTIVATIONS)}, got {name!r}")
    return EXPLICIT_ACTIVATIONS[name]
