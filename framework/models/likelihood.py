"""The likelihood p(o | s) of an observation, read from a decoder's output: the seam, and Gaussians.

    fixed        log N(o; mu(s), sigma^2)             sigma given
    learned      log N(o; mu(s), sigma^2)             sigma a parameter: a calibrated decoder, which needs no beta
    predicted    log N(o; mu(s), sigma^2(s))
    symlog       log N(symlog(o); mu(s), 1)           half the squared error on symlog, but for a constant

Kingma and Welling 2014, appendix C.2; learned: Rybkin, Daniilidis and Levine 2021 (sigma-VAE), section 3; symlog:
Hafner et al. 2023 (DreamerV3), section "Robust predictions". All are densities of the observation as networks see it:
images in [-1/2, 1/2], so the density of levels 0 to 255 is smaller by log 255 nats for each number.
"""

import math
from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..equations.gaussian import gaussian_nll
from ..equations.symlog import symexp, symlog
from ..keys import Shape
from .observation_shape import levels, seen, vector_size


class Likelihood(nn.Module, ABC):
    """Reads a decoder's output `[N, parts, *shape]`.

    Attributes:
        parts: numbers that it needs for each number observed.
    """

    parts: int = 1

    @abstractmethod
    def build(self, shape: Shape) -> Self:
        """Makes what depends on an observation's shape.

        Raises:
            ValueError: for a kind of observation that it is not for.
        """

    @abstractmethod
    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        """log p(o | s) `[N]` in nats, summed over an observation's own dimensions `[N, *shape]`."""

    @abstractmethod
    def mean(self, output: Tensor) -> Tensor:
        """`[N, *shape]` in the observation's own scale."""


class GaussianLikelihood(Likelihood):
    """A fixed standard deviation, of images as they are seen in [-1/2, 1/2].

    Args:
        std: sigma.

    Raises:
        ValueError: unless it is positive.
    """

    def __init__(self, std: float = 1.0) -> None:
        super().__init__()
        positive("std", std)
        self.std = std

    def build(self, shape: Shape) -> Self:
        return self

    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        error = output[:, 0] - seen(observation, output.dtype)  # [N, *shape]
        normaliser = math.log(self.std) + 0.5 * math.log(2 * math.pi)
        return summed(error.square()) * (-0.5 / self.std**2) - error[0].numel() * normaliser

    def mean(self, output: Tensor) -> Tensor:
        return in_own_scale(output[:, 0])


class LearnedGaussianLikelihood(Likelihood):
    """A standard deviation that is learned: of each number of a vector, and one for all of an image.

    Its optimum is the root mean squared error, so likelihood and KL are weighed against each other in nats by
    themselves.

    Args:
        initial_std: sigma at the start, as images are seen in [-1/2, 1/2].
        min_std: sigma cannot fall below it.

    Raises:
        ValueError: unless 0 < min_std < initial_std.
    """

    log_std: nn.Parameter

    def __init__(self, initial_std: float = 0.5, min_std: float = 0.005) -> None:
        super().__init__()
        if not 0 < min_std < initial_std:
            raise ValueError(f"need 0 < min_std < initial_std, got {min_std} and {initial_std}")
        self.initial_std, self.min_std = initial_std, min_std

    def build(self, shape: Shape) -> Self:
        sizes = shape if len(shape) == 1 else (1,) * len(shape)
        start = math.log(self.initial_std - self.min_std) / FASTER
        self.log_std = nn.Parameter(torch.full(sizes, start))
        return self

    def std(self) -> Tensor:
        """sigma, `[O]` or `[1, 1, 1]`."""
        return (FASTER * self.log_std).exp() + self.min_std

    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        error = output[:, 0] - seen(observation, output.dtype)  # [N, *shape]
        std = self.std()
        each = error[0].numel()
        normaliser = std.log().sum() * (each // std.numel()) + each * 0.5 * math.log(2 * math.pi)
        square = summed((error / std).square()) if error.dim() == 2 else summed(error.square()) / std.square().view(())
        return -0.5 * square - normaliser

    def mean(self, output: Tensor) -> Tensor:
        return in_own_scale(output[:, 0])


class PredictedGaussianLikelihood(Likelihood):
    """A standard deviation for each number that depends on the state.

    Args:
        min_std: sigma = softplus(raw) + min_std.

    Raises:
        ValueError: unless it is positive.
    """

    parts = 2

    def __init__(self, min_std: float = 0.01) -> None:
        super().__init__()
        positive("min_std", min_std)
        self.min_std = min_std

    def build(self, shape: Shape) -> Self:
        return self

    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        log_std = (softplus(output[:, 1]) + self.min_std).log()
        nll = gaussian_nll(seen(observation, output.dtype), output[:, 0], 2 * log_std)
        return -summed(nll)

    def mean(self, output: Tensor) -> Tensor:
        return in_own_scale(output[:, 0])


class SymlogLikelihood(Likelihood):
    """A Gaussian of unit variance on the symlog of a vector, for numbers of unknown scale.

    It is the density of symlog(o). Its mean is taken to be symexp(mu), which is the median.
    """

    def build(self, shape: Shape) -> Self:
        vector_size(shape, type(self).__name__)
        return self

    def log_prob(self, output: Tensor, observation: Tensor) -> Tensor:
        error = output[:, 0] - symlog(observation.to(output.dtype))
        return -0.5 * summed(error.square()) - error[0].numel() * 0.5 * math.log(2 * math.pi)

    def mean(self, output: Tensor) -> Tensor:
        return symexp(output[:, 0])


FASTER = 10.0  # Adam moves any parameter by its rate; log sigma must cross several nats while a network learns its mean


def summed(each: Tensor) -> Tensor:
    """The sum of each row, `[N, ...]` -> `[N]`; flattening would copy images with the channels last in memory."""
    return each.sum(tuple(range(1, each.dim())))


def in_own_scale(mean: Tensor) -> Tensor:
    """Vectors `[N, O]` as they are, images `[N, C, H, W]` in [0, 255]."""
    return mean if mean.dim() == 2 else levels(mean)


def positive(name: str, number: float) -> None:
    """Raises `ValueError` unless the number is positive."""
    if not number > 0:
        raise ValueError(f"{name}: need more than 0, got {number}")
