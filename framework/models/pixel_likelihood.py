"""Likelihoods p(o | s) of images, whose numbers are levels 0 to 255.

    Bernoulli     sum x log p + (1 - x) log(1 - p)        x = o / 255, p = sigmoid(raw)
    logistic      sum log P(o)                            of the very level, see `equations/discretised_logistic.py`

The second is a probability: the 256 of each number sum to one, so images can be compared in bits. The first is one only
where every level is 0 or 255; in between it is the negative cross-entropy, which lacks a normaliser (Loaiza-Ganem and
Cunningham 2019, continuous Bernoulli). Kingma and Welling 2014, appendix C.1; Salimans et al. 2017, section 2.1.
"""

import math
from typing import Self

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from ..equations.discretised_logistic import discretised_logistic
from ..keys import Shape
from .likelihood import Likelihood, summed
from .observation_shape import image_size, levels


class BernoulliLikelihood(Likelihood):
    """Every number of an image as the probability of white."""

    def build(self, shape: Shape) -> Self:
        image_size(shape, type(self).__name__)
        return self

    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        target = as_floats(observation, output.dtype).mul_(1 / 255)
        return -summed(binary_cross_entropy_with_logits(output[:, 0], target, reduction="none"))

    def mean(self, output: Tensor) -> Tensor:
        return output[:, 0].sigmoid() * 255


class LogisticLikelihood(Likelihood):
    """A discretised logistic distribution whose location and scale depend on the state.

    Args:
        min_scale: the least scale, in levels; with 0.1 a level may get nearly all probability.

    Raises:
        ValueError: unless it is between 0 and 32.
    """

    parts = 2

    def __init__(self, min_scale: float = 0.1) -> None:
        super().__init__()
        if not 0 < min_scale < 32:
            raise ValueError(f"min_scale: need a number between 0 and 32, got {min_scale}")
        self.min_log_scale = math.log(min_scale)
        self.start = START - self.min_log_scale  # softplus is nearly the identity there

    def build(self, shape: Shape) -> Self:
        image_size(shape, type(self).__name__)
        return self

    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        location = (output[:, 0] + 0.5) * 255
        log_scale = softplus(output[:, 1] + self.start) + self.min_log_scale
        return summed(discretised_logistic(as_floats(observation, output.dtype), location, log_scale))

    def mean(self, output: Tensor) -> Tensor:
        """The location of the uncut distribution, which is its median."""
        return levels(output[:, 0])


START = math.log(32.0)  # the log-scale of a network that gives zero, about: an eighth of the range


def as_floats(image: Tensor, dtype: torch.dtype) -> Tensor:
    """Levels `[N, C, H, W]`, a copy with the channels last in memory."""
    return image.to(dtype, memory_format=torch.channels_last, copy=True)
