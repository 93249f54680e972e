"""A gated recurrent unit behind one layer, the deterministic path of PlaNet and of Dreamer 1 and 2.

    x = phi(W_z z + W_a a + b)
    r, u = sigmoid(W x + V h + c)       n = tanh(W_n x + c_n + r (V_n h + d_n))       h' = (1 - u) n + u h

Cho et al. 2014, with the reset gate after the matrix product, as torch.nn.GRUCell. Hafner et al. 2019, section 3.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import linear as affine

from .explicit import (
    Explicit,
    Frames,
    Tensors,
    evaluate,
    explicit_activation,
    rows,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from .recurrent_cell import RecurrentCell, linear


class GRUCell(RecurrentCell, Explicit):
    """The unit and the layer before it.

    Args:
        hidden: size of x.
        activation: phi; one of silu, relu, elu, tanh.

    Raises:
        ValueError: for sizes below 1 or another activation.
    """

    def __init__(self, hidden: int = 200, activation: str = "elu") -> None:
        super().__init__()
        if hidden < 1:
            raise ValueError(f"hidden: need at least 1, got {hidden}")
        self.hidden = hidden
        explicit_activation(activation)
        self.activation = activation

    def build(self, stochastic_size: int, action_size: int, deterministic_size: int) -> Self:
        self.stochastic_size = stochastic_size
        self.inputs = linear(stochastic_size + action_size, self.hidden)
        self.gru = nn.GRUCell(self.hidden, deterministic_size)
        return self

    def drive(self, action: Tensor) -> Tensor:
        return affine(action, self.inputs.weight[:, self.stochastic_size :], self.inputs.bias)

    def forward(self, deterministic: Tensor, stochastic: Tensor, drive: Tensor) -> Tensor:
        return evaluate(self, drive, deterministic, stochastic)

    # ------------------------------------------------------------------ with its gradient

    def weights(self) -> Tensors:
        gru = self.gru
        w_z = self.inputs.weight[:, : self.stochastic_size]
        return w_z.t(), gru.weight_ih.t(), gru.bias_ih, gru.weight_hh.t(), gru.bias_hh

    def run(self, weights: Tensors, given: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensors]:
        (w_z, w_x, b_x, w_h, b_h), (h, z) = weights, inputs
        size = h.shape[-1]
        pre = torch.addmm(given, z, w_z)  # [B, hidden]
        x = explicit_activation(self.activation).run(pre)
        from_x, from_h = torch.addmm(b_x, x, w_x), torch.addmm(b_h, h, w_h)  # [B, 3D]: r, u, n
        ru = (from_x[:, : 2 * size] + from_h[:, : 2 * size]).sigmoid()  # [B, 2D]
        recalled = from_h[:, 2 * size :]
        n = tanh(torch.addcmul(from_x[:, 2 * size :], ru[:, :size], recalled))
        return torch.lerp(n, h, ru[:, size:]), (h, z, pre, x, ru, recalled, n)

    def back(self, weights: Tensors, saved: Tensors, grad: Tensor) -> tuple[Tensors, Tensors]:
        w_z, w_x, _, w_h, _ = weights
        h, _, pre, x, ru, recalled, n = saved
        r, u = ru.chunk(2, -1)
        of_h = grad * u
        of_n = tanh_backward(grad - of_h, n)
        of_ru = sigmoid_backward(torch.cat([of_n * recalled, grad * (h - n)], -1), ru)
        of_x = torch.cat([of_ru, of_n], -1)  # [B, 3D]
        of_recurrent = torch.cat([of_ru, of_n * r], -1)  # [B, 3D]
        of_pre = explicit_activation(self.activation).back(of_x @ w_x.t(), pre, x)
        return (torch.addmm(of_h, of_recurrent, w_h.t()), of_pre @ w_z.t()), (of_pre, of_x, of_recurrent)

    def gradients(self, saved: Frames, deltas: Frames) -> tuple[Tensor, Tensors]:
        h, z, x = rows(saved[0]), rows(saved[1]), rows(saved[3])
        of_pre, of_x, of_h = (rows(delta) for delta in deltas)
        return of_pre, (z.t() @ of_pre, x.t() @ of_x, of_x.sum(0), h.t() @ of_h, of_h.sum(0))
