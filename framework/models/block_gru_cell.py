"""A gated recurrent unit with blocks, the deterministic path of DreamerV3.

    f = phi([W_h h + b_h, W_z z + b_z]),   e = phi(W_a a + b_a)        phi(x) = silu(rms_norm(x))
    k = phi(C h + F f + E e + b)                                       C block-diagonal
    r, u, c = G k + d                                                  G block-diagonal
    h' = u tanh(r c) + (1 - u) h        with u = sigmoid(. - 1), so that it remembers at first

The blocks of h meet only in f, so that h can be wide. Hafner et al. 2023, section "World model learning" and appendix.
"""

from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..equations.rms_norm import rms_norm, rms_norm_backward
from .explicit import (
    EXPLICIT_ACTIVATIONS,
    Explicit,
    Frames,
    Tensors,
    evaluate,
    rows,
    sigmoid_backward,
    tanh,
    tanh_backward,
)
from .recurrent_cell import RecurrentCell, linear, scaled_normal_

silu_backward = EXPLICIT_ACTIVATIONS["silu"].back


class BlockGRUCell(RecurrentCell, Explicit):
    """The unit and its three layers before it.

    Args:
        hidden: of each of f's halves and of e.
        blocks: G, of h, whose size is a multiple of it.
        update_bias: added to the update gate; -1 lets a new unit keep three quarters of h.

    Raises:
        ValueError: for sizes below 1.
    """

    def __init__(self, hidden: int = 64, blocks: int = 8, update_bias: float = -1.0) -> None:
        super().__init__()
        for name, number in (("hidden", hidden), ("blocks", blocks)):
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        self.hidden, self.blocks, self.update_bias = hidden, blocks, update_bias

    def build(self, stochastic_size: int, action_size: int, deterministic_size: int) -> Self:
        """See `RecurrentCell`.

        Raises:
            ValueError: where the blocks do not divide h.
        """
        blocks, hidden, size = self.blocks, self.hidden, deterministic_size
        if size % blocks:
            raise ValueError(f"deterministic_size: need a multiple of the cell's {blocks} blocks, got {size}")
        width = size // blocks
        self.from_deterministic = linear(size, hidden)
        self.from_stochastic = linear(stochastic_size, hidden)
        self.from_action = linear(action_size, hidden)
        self.action_gain = nn.Parameter(torch.ones(hidden))
        self.feature_gain = nn.Parameter(torch.ones(2, hidden))
        # a block reads its own part of h and all features, hence the fan-in
        fan_in = size + 3 * hidden * blocks
        self.carry = nn.Parameter(scaled_normal_(torch.empty(blocks, width, width), fan_in))
        self.features = linear(3 * hidden, size)
        scaled_normal_(self.features.weight, fan_in)
        self.gain = nn.Parameter(torch.ones(size))
        self.gates = nn.Parameter(scaled_normal_(torch.empty(blocks, width, 3 * width), size))
        self.gate_bias = nn.Parameter(torch.zeros(blocks, 1, 3 * width))
        return self

    def drive(self, action: Tensor) -> Tensor:
        e = F.silu(rms_norm(self.from_action(action), self.action_gain)[0])  # [*B, hidden]
        return F.linear(e, self.features.weight[:, 2 * self.hidden :], self.features.bias)  # [*B, D]

    def forward(self, deterministic: Tensor, stochastic: Tensor, drive: Tensor) -> Tensor:
        return evaluate(self, drive, deterministic, stochastic)

    # ------------------------------------------------------------------ with its gradient

    def weights(self) -> Tensors:
        h, z, features = self.from_deterministic, self.from_stochastic, self.features.weight[:, : 2 * self.hidden]
        bias = self.gate_bias + self._remembering(self.gate_bias)
        first = h.weight.t(), h.bias, z.weight.t(), z.bias, self.feature_gain
        return *first, self.carry, features.t(), self.gain, self.gates, bias

    def _remembering(self, gates: Tensor) -> Tensor:
        """The update bias where it belongs among gates `[G, 1, 3 D / G]`."""
        r, u, c = gates.detach().chunk(3, -1)
        return torch.cat([torch.zeros_like(r), torch.full_like(u, self.update_bias), torch.zeros_like(c)], -1)

    def _split(self, x: Tensor) -> Tensor:
        """`[B, D]` -> `[G, B, D / G]`."""
        return x.view(len(x), self.blocks, -1).transpose(0, 1)

    def _joined(self, x: Tensor) -> Tensor:
        """`[G, B, D / G]` -> `[B, D]`."""
        return x.transpose(0, 1).flatten(1)

    def run(self, weights: Tensors, given: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensors]:
        w_h, b_h, w_z, b_z, feature_gain, carry, w_f, gain, gates, gate_bias = weights
        h, z = inputs
        blocks = self._split(h).contiguous()  # [G, B, D / G]
        pre = torch.stack([torch.addmm(b_h, h, w_h), torch.addmm(b_z, z, w_z)], 1)  # [B, 2, hidden]
        normal, unit, r = rms_norm(pre, feature_gain)
        f = F.silu(normal).flatten(1)  # [B, 2 * hidden]
        mixed = torch.addmm(given, f, w_f) + self._joined(torch.bmm(blocks, carry))  # [B, D]
        k_normal, k_unit, k_r = rms_norm(mixed, gain)
        k = self._split(F.silu(k_normal)).contiguous()  # [G, B, D / G]
        gate = torch.baddbmm(gate_bias, k, gates)  # [G, B, 3 D / G]: r, u, c
        width = blocks.shape[-1]
        ru, c = gate[..., : 2 * width].sigmoid(), gate[..., 2 * width :]
        candidate = tanh(ru[..., :width] * c)
        following = self._joined(torch.lerp(blocks, candidate, ru[..., width:]))
        return following, (h, z, blocks, normal, unit, r, f, k_normal, k_unit, k_r, k, ru, c, candidate)

    def back(self, weights: Tensors, saved: Tensors, grad: Tensor) -> tuple[Tensors, Tensors]:
        w_h, _, w_z, _, feature_gain, carry, w_f, gain, gates, _ = weights
        _, _, blocks, normal, unit, r, _, k_normal, k_unit, k_r, _, ru, c, candidate = saved
        of_next = self._split(grad)
        width = blocks.shape[-1]
        of_candidate = of_next * ru[..., width:]
        of_inner = tanh_backward(of_candidate, candidate)
        of_ru = torch.cat([of_inner * c, of_next * (candidate - blocks)], -1)
        of_gate = torch.cat([sigmoid_backward(of_ru, ru), of_inner * ru[..., :width]], -1)  # [G, B, 3 D / G]
        of_k = self._joined(torch.bmm(of_gate, gates.mT))
        of_k_normal = silu_backward(of_k, k_normal, of_k)
        of_mixed = rms_norm_backward(of_k_normal, k_unit, k_r, gain)  # [B, D]
        of_normal = silu_backward((of_mixed @ w_f.t()).view_as(normal), normal, normal)
        of_pre = rms_norm_backward(of_normal, unit, r, feature_gain)  # [B, 2, hidden]
        through_blocks = of_next - of_candidate + torch.bmm(self._split(of_mixed), carry.mT)
        of_h = torch.addmm(self._joined(through_blocks), of_pre[:, 0], w_h.t())
        return (of_h, of_pre[:, 1] @ w_z.t()), (of_pre, of_normal, of_mixed, of_k_normal, of_gate)

    def gradients(self, saved: Frames, deltas: Frames) -> tuple[Tensor, Tensors]:
        h, z, unit, f, k_unit = (rows(saved[index]) for index in (0, 1, 4, 6, 8))
        blocks, k = (torch.cat(saved[index], 1) for index in (2, 10))  # [G, L * B, D / G]
        of_pre, of_normal, of_mixed, of_k_normal = (rows(delta) for delta in deltas[:4])
        of_gate = torch.cat(deltas[4], 1)  # [G, L * B, 3 D / G]
        of_from_h, of_from_z = of_pre.unbind(1)
        return of_mixed, (
            h.t() @ of_from_h,
            of_from_h.sum(0),
            z.t() @ of_from_z,
            of_from_z.sum(0),
            (of_normal * unit).sum(0),
            torch.bmm(blocks.mT, self._split(of_mixed)),
            f.t() @ of_mixed,
            (of_k_normal * k_unit).sum(0),
            torch.bmm(k.mT, of_gate),
            of_gate.sum(1, keepdim=True),
        )
