"""A gated recurrent unit that forgets at marked steps, for whole sequences in one call.

    r_t = sigma(W_r x_t + U_r h_{t-1} - c b_t)        u_t = sigma(W_u x_t + U_u h_{t-1} - c b_t)
    n_t = tanh(W_n x_t + r_t (U_n h_{t-1}))           h_t = (1 - u_t) n_t + u_t h_{t-1}

Cho et al. 2014 in cuDNN's form, biases left out here. Where b_t = 1, c = 10,000 closes both gates: sigma gives exactly
0, and so does its derivative, so that h_t = tanh(W_n x_t) and neither a number nor a gradient passes. The mark is one
more input with weights that are not learned; so torch's own recurrence, one call for all steps, serves sequences in
which episodes end anywhere, and shapes stay static.
"""

import math

import torch
from torch import Tensor, nn

CLOSED = -1e4


class ResetGRU(nn.Module):
    """One layer, one direction.

    Args:
        inputs: size of x.
        hidden: size of h.
    """

    closing: Tensor

    def __init__(self, inputs: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden

        def uniform(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape).uniform_(-1, 1) / math.sqrt(hidden))

        self.input_weight, self.hidden_weight = uniform(3 * hidden, inputs), uniform(3 * hidden, hidden)
        self.input_bias, self.hidden_bias = uniform(3 * hidden), uniform(3 * hidden)
        closing = torch.cat([torch.full((2 * hidden, 1), CLOSED), torch.zeros(hidden, 1)])
        self.register_buffer("closing", closing, persistent=False)

    def forward(self, x: Tensor, forget: Tensor, memory: Tensor) -> Tensor:
        """h `[B, L, hidden]` of inputs `[B, L, inputs]`.

        Args:
            x: the inputs.
            forget: `[B, L, 1]`, bool: nothing passes into this step from before it.
            memory: `[B, hidden]`, before the first step; finite also where it is forgotten.
        """
        weight = torch.cat([self.input_weight, self.closing], 1)
        parts = [weight, self.hidden_weight, self.input_bias, self.hidden_bias]
        # one piece of memory, which is how cuDNN wants its weights
        pieces = torch.cat([part.flatten() for part in parts]).split([part.numel() for part in parts])
        weights = [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]
        marked = torch.cat([x, forget.to(x.dtype)], -1)
        states, _ = torch.gru(marked, memory[None].contiguous(), weights, True, 1, 0.0, False, False, True)
        return states
