"""What a network's output says about the target: a point, or a Gaussian whose variance is learned too.

    point:     loss = 1/2 |y - mu|^2
    Gaussian:  loss = -log N(y; mu, sigma^2) + 0.01 (sum log sigma_max^2 - sum log sigma_min^2)

The Gaussian's variance is the aleatoric uncertainty: what would remain with all data in the world.
Chua et al. 2018 (PETS), section 4 and appendix A.1.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from ..equations.gaussian import gaussian_nll, soft_bound


class Head(nn.Module, ABC):
    """Reads a network's output.

    Args:
        parts: how many numbers it needs for each dimension of the target.
    """

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.parts = parts

    @abstractmethod
    def read(self, output: Tensor, log_scale: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Network output `[..., D]` -> mean and log-variance `[..., S]`; None for a point.

        `log_scale` `[S]` is given when the output is in the state's units instead of normalised.
        """

    @abstractmethod
    def loss(self, mean: Tensor, log_var: Tensor | None, target: Tensor) -> Tensor:
        """A scalar for `[M, B, S]`: the mean over rows, summed over networks and dimensions."""

    @abstractmethod
    def scores(self, mean: Tensor, log_var: Tensor | None, target: Tensor) -> dict[str, Tensor]:
        """Held-out scores by name beside the error; the argument shapes are those of `loss`."""

    @abstractmethod
    def distribution(self, mean: Tensor, log_var: Tensor | None) -> torch.distributions.Distribution:
        """Over vectors `[..., S]`."""


class PointHead(Head):
    """Least squares."""

    def __init__(self) -> None:
        super().__init__(parts=1)

    def read(self, output: Tensor, log_scale: Tensor | None = None) -> tuple[Tensor, None]:
        return output, None

    def loss(self, mean: Tensor, log_var: Tensor | None, target: Tensor) -> Tensor:
        return 0.5 * (mean - target).square().sum(-1).mean(-1).sum()

    def scores(self, mean: Tensor, log_var: Tensor | None, target: Tensor) -> dict[str, Tensor]:
        return {}

    def distribution(self, mean: Tensor, log_var: Tensor | None) -> torch.distributions.Distribution:
        return torch.distributions.Independent(DeltaAt(mean), 1)


class GaussianHead(Head):
    """Maximum likelihood, with learned soft bounds on the variance that all networks share.

    Args:
        size: S.
    """

    def __init__(self, size: int) -> None:
        super().__init__(parts=2)
        self.min_log_var = nn.Parameter(torch.full((size,), -10.0))
        self.max_log_var = nn.Parameter(torch.full((size,), 0.5))

    def read(self, output: Tensor, log_scale: Tensor | None = None) -> tuple[Tensor, Tensor]:
        mean, log_var = output.chunk(2, -1)
        low: Tensor = self.min_log_var
        high: Tensor = self.max_log_var
        if log_scale is not None:  # the bound commutes with a shift
            low, high = low + log_scale, high + log_scale
        return mean, soft_bound(log_var.contiguous(), low, high)  # ten times as fast on contiguous numbers

    def loss(self, mean: Tensor, log_var: Tensor | None, target: Tensor) -> Tensor:
        assert log_var is not None
        nll = gaussian_nll(target, mean, log_var).sum(-1).mean(-1).sum()  # nats
        return nll + 0.01 * (self.max_log_var.sum() - self.min_log_var.sum())

    def scores(self, mean: Tensor, log_var: Tensor | None, target: Tensor) -> dict[str, Tensor]:
        assert log_var is not None
        return {"nll": gaussian_nll(target, mean, log_var).sum(-1).mean()}

    def distribution(self, mean: Tensor, log_var: Tensor | None) -> torch.distributions.Distribution:
        assert log_var is not None
        return torch.distributions.Independent(torch.distributions.Normal(mean, (0.5 * log_var).exp()), 1)


class DeltaAt(torch.distributions.Distribution):
    """All probability at one point: the distribution of a deterministic prediction. It has no density."""

    def __init__(self, point: Tensor) -> None:
        super().__init__(point.shape, validate_args=False)
        self.point = point

    @property
    def mean(self) -> Tensor:
        return self.point

    @property
    def variance(self) -> Tensor:
        return torch.zeros_like(self.point)

    def rsample(self, sample_shape: torch.Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """The point itself, expanded."""
        return self.point.expand(*sample_shape, *self.point.shape)
