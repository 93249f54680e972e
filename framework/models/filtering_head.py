"""The network of q(z_t | h_t, o_t): one hidden layer over h and the features of the observation.

y = phi(norm(W_h h + W_o o + b))        raw = V y + c
"""

import torch
from torch import Tensor, nn

from ..equations.rms_norm import rms_norm, rms_norm_backward
from .explicit import Explicit, Frames, Tensors, explicit_activation, rows
from .latent_draw import Draw
from .recurrent_cell import linear, scaled_normal_


class FilteringHead(nn.Module, Explicit):
    """Raw numbers of the statistics of z.

    Args:
        features: F.
        deterministic_size: D.
        statistics: Q.
        hidden: size of the hidden layer.
        activation: phi; one of silu, relu, elu, tanh.
        normalize: whether the hidden layer is normalised.
        draw: in whose order a scan wants the raw numbers; None where there is no scan.
    """

    def __init__(
        self,
        features: int,
        deterministic_size: int,
        statistics: int,
        hidden: int,
        activation: str,
        normalize: bool,
        draw: Draw | None,
    ) -> None:
        super().__init__()
        self.activation, self.normalize, self.draw = activation, normalize, draw
        self.from_features = linear(features, hidden)
        self.from_deterministic = linear(deterministic_size, hidden, bias=False)
        for layer in (self.from_features, self.from_deterministic):
            scaled_normal_(layer.weight, features + deterministic_size)
        self.out = linear(hidden, statistics)
        self.gain = nn.Parameter(torch.ones(hidden)) if normalize else None

    def given(self, features: Tensor) -> Tensor:
        """What enters of features `[*B, F]`, `[*B, hidden]`: worked out for all frames of a sequence at once."""
        return self.from_features(features)

    def forward(self, given: Tensor, deterministic: Tensor) -> Tensor:
        """Raw numbers `[*B, Q]` in the order of `Latent.read`."""
        y = given + self.from_deterministic(deterministic)
        return self.out(explicit_activation(self.activation).run(y if self.gain is None else rms_norm(y, self.gain)[0]))

    # ------------------------------------------------------------------ with its gradient

    def weights(self) -> Tensors:
        out: Tensor = self.out.weight
        bias: Tensor = self.out.bias
        if self.draw is not None:
            out, bias = self.draw.arrange(out), self.draw.arrange(bias)
        gain = () if self.gain is None else (self.gain,)
        return self.from_deterministic.weight.t(), out.t(), bias, *gain

    def run(self, weights: Tensors, given: Tensor, *inputs: Tensor) -> tuple[Tensor, Tensors]:
        (w_h, w_out, b_out, *gain), (h,) = weights, inputs
        pre = torch.addmm(given, h, w_h)  # [B, hidden]
        if not self.normalize:
            y = explicit_activation(self.activation).run(pre)
            return torch.addmm(b_out, y, w_out), (h, y, pre)
        normal, unit, r = rms_norm(pre, gain[0])
        y = explicit_activation(self.activation).run(normal)
        return torch.addmm(b_out, y, w_out), (h, y, normal, unit, r)

    def back(self, weights: Tensors, saved: Tensors, grad: Tensor) -> tuple[Tensors, Tensors]:
        w_h, w_out, _, *gain = weights
        y, normal = saved[1], saved[2]
        of_normal = explicit_activation(self.activation).back(grad @ w_out.t(), normal, y)
        if not self.normalize:
            return (of_normal @ w_h.t(),), (grad, of_normal)
        of_pre = rms_norm_backward(of_normal, saved[3], saved[4], gain[0])
        return (of_pre @ w_h.t(),), (grad, of_pre, of_normal)

    def gradients(self, saved: Frames, deltas: Frames) -> tuple[Tensor, Tensors]:
        h, y = rows(saved[0]), rows(saved[1])
        grad, of_pre = rows(deltas[0]), rows(deltas[1])
        of_gain = ((rows(deltas[2]) * rows(saved[3])).sum(0),) if self.normalize else ()
        return of_pre, (h.t() @ of_pre, y.t() @ grad, grad.sum(0), *of_gain)
