"""The stochastic part z of a latent state: a family of distributions whose statistics are one plain tensor.

    Gaussian       z = mu + sigma eps                        KL(q || p) = log(sigma_p / sigma_q) + ...
    categorical    z = onehot(argmax_c(log pi_c + g_c))      with the gradient of pi (straight-through)

with eps standard normal and g Gumbel noise. Kingma and Welling 2014, sections 2.4 and 3; Hafner et al. 2021
(DreamerV2), section 2; unimix: Hafner et al. 2023 (DreamerV3), section "World model learning".
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn import functional as F

from ..equations.gaussian_kl import gaussian_kl


class Latent(ABC):
    """What z is.

    Attributes:
        size: Z, numbers of a sample.
        variables: V, independent random variables in it.
        statistics: Q, numbers that say which distribution of the family it is.
    """

    size: int
    variables: int
    statistics: int

    @abstractmethod
    def read(self, raw: Tensor) -> Tensor:
        """A network's output `[*B, Q]` -> valid statistics `[*B, Q]`."""

    @abstractmethod
    def standard(self, like: Tensor) -> Tensor:
        """The statistics `[Q]` of the prior that knows nothing: standard normal, or uniform."""

    @abstractmethod
    def sample(self, statistics: Tensor, noise: Tensor | None) -> Tensor:
        """z `[*B, Z]` with a gradient; `noise [*B, Z]` is standard normal, None gives the mean or the mode."""

    @abstractmethod
    def mean(self, statistics: Tensor) -> Tensor:
        """The expectation of z, `[*B, Z]`."""

    @abstractmethod
    def kl(self, q: Tensor, p: Tensor) -> Tensor:
        """KL(q || p) of each variable, `[*B, V]`, in nats."""

    @abstractmethod
    def entropy(self, statistics: Tensor) -> Tensor:
        """Of each variable, `[*B, V]`, in nats."""


class GaussianLatent(Latent):
    """Independent normal variables; the statistics are means and standard deviations.

    Args:
        size: Z.
        min_std: sigma = softplus(raw) + min_std.

    Raises:
        ValueError: for no variables or a negative `min_std`.
    """

    def __init__(self, size: int = 30, min_std: float = 0.1) -> None:
        if size < 1:
            raise ValueError(f"size: need at least 1, got {size}")
        if min_std < 0:
            raise ValueError(f"min_std: need at least 0, got {min_std}")
        self.size = self.variables = size
        self.statistics = 2 * size
        self.min_std = min_std

    def read(self, raw: Tensor) -> Tensor:
        mean, raw_std = raw.split(self.size, -1)
        return torch.cat([mean, F.softplus(raw_std) + self.min_std], -1)

    def standard(self, like: Tensor) -> Tensor:
        return torch.cat([like.new_zeros(self.size), like.new_ones(self.size)])

    def sample(self, statistics: Tensor, noise: Tensor | None) -> Tensor:
        mean, std = statistics.split(self.size, -1)
        return mean if noise is None else mean + std * noise

    def mean(self, statistics: Tensor) -> Tensor:
        return statistics[..., : self.size]

    def kl(self, q: Tensor, p: Tensor) -> Tensor:
        (q_mean, q_std), (p_mean, p_std) = q.split(self.size, -1), p.split(self.size, -1)
        return gaussian_kl(q_mean, q_std.log(), p_mean, p_std.log())

    def entropy(self, statistics: Tensor) -> Tensor:
        return statistics[..., self.size :].log() + 0.5 * math.log(2 * math.pi * math.e)


class CategoricalLatent(Latent):
    """Independent one-hot variables; the statistics are log-probabilities.

    Args:
        variables: V.
        classes: of each variable, so that Z = V * classes.
        unimix: share of a uniform distribution in each, which keeps the KL finite.

    Raises:
        ValueError: for no variable, fewer than two classes, or a share outside [0, 1).
    """

    def __init__(self, variables: int = 32, classes: int = 16, unimix: float = 0.01) -> None:
        for name, number, least in (("variables", variables, 1), ("classes", classes, 2)):
            if number < least:
                raise ValueError(f"{name}: need at least {least}, got {number}")
        if not 0 <= unimix < 1:
            raise ValueError(f"unimix: need a number in [0, 1), got {unimix}")
        self.variables, self.classes, self.unimix = variables, classes, unimix
        self.size = self.statistics = variables * classes

    def _of_each(self, flat: Tensor) -> Tensor:
        return flat.unflatten(-1, (self.variables, self.classes))

    def read(self, raw: Tensor) -> Tensor:
        by_class = self._of_each(raw).mT.contiguous()  # [*B, classes, V]: a CPU is slow at sums over short last ones
        if not self.unimix:
            return by_class.log_softmax(-2).mT.flatten(-2)
        return ((1 - self.unimix) * by_class.softmax(-2) + self.unimix / self.classes).log().mT.flatten(-2)

    def standard(self, like: Tensor) -> Tensor:
        return like.new_full((self.statistics,), -math.log(self.classes))

    def sample(self, statistics: Tensor, noise: Tensor | None) -> Tensor:
        logits = self._of_each(statistics)
        score = logits
        if noise is not None:
            uniform = torch.special.ndtr(self._of_each(noise)).clamp(1e-6, 1 - 1e-6)
            score = logits - (-uniform.log()).log()
        chosen = F.one_hot(score.argmax(-1), self.classes).to(logits.dtype)
        probabilities = logits.exp()
        return (chosen + probabilities - probabilities.detach()).flatten(-2)

    def mean(self, statistics: Tensor) -> Tensor:
        return statistics.exp()

    def kl(self, q: Tensor, p: Tensor) -> Tensor:
        return self._of_each(q.exp() * (q - p)).sum(-1)

    def entropy(self, statistics: Tensor) -> Tensor:
        return -self._of_each(statistics.exp() * statistics).sum(-1)
