"""The seam of every planner: from a prior over plans to a better one, by asking an objective.

objective(actions [B, N, H, A]) -> returns [B, N], to be maximised
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

BoundObjective = Callable[[Tensor], Tensor]
"""actions `[B, N, H, A]` -> returns `[B, N]`."""


class Plan(NamedTuple):
    """What a planner found, for each of B states.

    `actions` `[B, H, A]` is the sequence to execute; `mean` and `std` `[B, H, A]` are the distribution that it came
    from, and the next plan's prior once shifted.
    """

    actions: Tensor
    mean: Tensor
    std: Tensor


class Planner(ABC):
    """Searches for a plan of H actions in [-1, 1].

    Args:
        horizon: H, at least 1.
        initial_std: of the distribution that a search starts from, in units of the action (1 is half the range).
    """

    def __init__(self, horizon: int, initial_std: float) -> None:
        if horizon < 1 or initial_std <= 0:
            raise ValueError(f"need horizon >= 1 and initial_std > 0, got {horizon} and {initial_std}")
        self.horizon = horizon
        self.initial_std = initial_std

    def prior(self, mean: Tensor) -> Plan:
        """The distribution to start from, around a mean `[B, H, A]`: the last plan shifted, or zeros."""
        return Plan(mean, mean, torch.full_like(mean, self.initial_std))

    @abstractmethod
    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        """A plan at least as good as the prior's mean, as far as the search can tell; always within the bounds."""


def shift(mean: Tensor) -> Tensor:
    """A plan `[B, H, A]` one step later: its first action is gone, its last one repeats (Chua et al. 2018, alg. 1)."""
    return torch.cat([mean[:, 1:], mean[:, -1:]], 1)


def candidates_around(plan: Plan, candidates: int, generator: torch.Generator | None) -> Tensor:
    """N normal samples `[B, N, H, A]` clamped to [-1, 1], the plan's mean as the first of them."""
    B, H, A = plan.mean.shape
    noise = torch.randn((B, candidates, H, A), generator=generator, device=plan.mean.device, dtype=plan.mean.dtype)
    noise[:, 0] = 0
    return noise.mul_(plan.std[:, None]).add_(plan.mean[:, None]).clamp_(-1, 1)


def finite(returns: Tensor) -> Tensor:
    """Returns with the lowest rank for whatever is not a number or not finite: a diverged model never wins."""
    return torch.where(returns.isfinite(), returns, -torch.inf)
