"""How large returns are, so that one weight of the entropy serves tasks of any scale.

    S = max(least, EMA(Per(G, 95)) - EMA(Per(G, 5)))        what a policy learns from is G / S

Small returns are not enlarged, which would enlarge noise where rewards are sparse. Hafner et al. 2023 (DreamerV3),
equation 7. There the average starts at zero; here it is divided by the sum of its weights, so that S is right at once.
"""

from abc import abstractmethod

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..models.base import Model
from ..runs.ranks import world_size


class ReturnScale(Model):
    """What returns are divided by."""

    @abstractmethod
    def forward(self, returns: Tensor) -> Tensor:
        """S `[]` for imagined returns `[*B]`, which it takes into account; without a gradient."""

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}


class Unscaled(ReturnScale):
    """S = 1: returns as they are."""

    def forward(self, returns: Tensor) -> Tensor:
        return returns.new_ones(())


class PercentileScale(ReturnScale):
    """The distance of two percentiles, averaged over updates.

    Args:
        low, high: the percentiles, as shares.
        rate: at which the averages move, at each update.
        least: smallest S.

    Raises:
        ValueError: unless 0 <= low < high <= 1, 0 < rate <= 1 and least > 0.
    """

    shares: Tensor
    ends: Tensor
    weight: Tensor

    def __init__(self, low: float = 0.05, high: float = 0.95, rate: float = 0.01, least: float = 1.0) -> None:
        super().__init__()
        if not 0 <= low < high <= 1:
            raise ValueError(f"low: need 0 <= low < high <= 1, got {low} and {high}")
        if not 0 < rate <= 1:
            raise ValueError(f"rate: need a number in (0, 1], got {rate}")
        if not least > 0:
            raise ValueError(f"least: need more than 0, got {least}")
        self.rate, self.least = rate, least
        self.register_buffer("shares", torch.tensor([low, high]), persistent=False)
        self.register_buffer("ends", torch.zeros(2))  # the averages, before they are divided by their weight
        self.register_buffer("weight", torch.zeros(()))
        self._seen: Tensor | None = None

    @torch.no_grad()
    def forward(self, returns: Tensor) -> Tensor:
        self._seen = torch.quantile(returns.detach().flatten(), self.shares.to(returns.dtype))  # [2]
        low, high = self._moved(self.ends, self._seen) / self._moved(self.weight, torch.ones_like(self.weight))
        return (high - low).clamp_min(self.least)

    def _moved(self, average: Tensor, towards: Tensor) -> Tensor:
        return torch.lerp(average, towards.to(average.dtype), self.rate)

    @torch.no_grad()
    def follow(self) -> None:
        """Keeps what the update saw, on all processes alike; nothing where it was not finite."""
        if self._seen is None:
            return
        seen, self._seen = self._seen, None
        if world_size() > 1:
            torch.distributed.all_reduce(seen)
            seen = seen / world_size()
        finite = seen.isfinite().all()
        self.ends.copy_(torch.where(finite, self._moved(self.ends, seen), self.ends))
        self.weight.copy_(torch.where(finite, self._moved(self.weight, torch.ones_like(self.weight)), self.weight))
