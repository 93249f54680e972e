"""The probability of an 8-bit level under a logistic distribution cut into 256 bins; the outermost reach to infinity.

    P(x) = F(x + 1/2) - F(x - 1/2)        F(y) = sigmoid((y - mu) / s)        F(-1/2) := 0,  F(255 1/2) := 1

so the 256 probabilities sum to one. The difference loses no digits, near or far, as

    log P(x) = log sigmoid(b) + log sigmoid(-a) + log(1 - exp(-1 / s))        b, a = (x +- 1/2 - mu) / s

Kingma et al. 2016 (inverse autoregressive flow), section 5; Salimans et al. 2017 (PixelCNN++), section 2.1.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid


def discretised_logistic(level: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """log P of levels 0, 1, ..., 255, element by element in nats; all three broadcast, in units of a level."""
    inverse = (-log_scale).exp()
    upper, lower = (level + 0.5 - mean) * inverse, (level - 0.5 - mean) * inverse
    between = logsigmoid(upper) + logsigmoid(-lower) + (-(-inverse).expm1()).log()
    return torch.where(level <= 0, logsigmoid(upper), torch.where(level >= 255, logsigmoid(-lower), between))
