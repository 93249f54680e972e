"""The seam of every planner: from a prior over plans to a better one, by asking an objective.

objective(actions [B, N, H, A]) -> returns [B, N], to be maximised
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from .coloured_noise import coloured

BoundObjective = Callable[[Tensor], Tensor]
"""actions `[B, N, H, A]` -> returns `[B, N]`."""


class Plan(NamedTuple):
    """What a planner found, for each of B states.

    `actions` `[B, H, A]` is the sequence to execute; `mean` and `std` `[B, H, A]` are the distribution that it came
    from, and the next plan's prior once shifted. Where actions are discrete, `actions` are one-hot and `mean` holds
    probabilities. `kept` `[B, M, H, A]` are the M plans that the next search tries again, of planners that keep some;
    of a prior all plans that the search shall try besides its own.
    """

    actions: Tensor
    mean: Tensor
    std: Tensor
    kept: Tensor | None = None


class Planner(ABC):
    """Searches for a plan of H actions: in [-1, 1], or one-hot where they are discrete.

    Args:
        horizon: H, at least 1.
        initial_std: of the distribution that a search starts from, in units of the action (1 is half the range).
        discrete_actions: whether plans are of one-hot actions.
        kept: M, how many plans of a search the next one tries again.
    """

    def __init__(self, horizon: int, initial_std: float, discrete_actions: bool = False, kept: int = 0) -> None:
        if horizon < 1 or initial_std <= 0:
            raise ValueError(f"need horizon >= 1 and initial_std > 0, got {horizon} and {initial_std}")
        self.horizon = horizon
        self.initial_std = initial_std
        self.discrete_actions = discrete_actions
        self.kept = kept

    def prior(self, mean: Tensor, kept: Tensor | None = None) -> Plan:
        """The distribution to start from: around the last plan shifted `[B, H, A]`, or zeros where there is none.

        `kept` `[B, M, H, A]` are plans to try: those kept by the last search, shifted too, and any others.
        """
        return Plan(mean, mean, torch.full_like(mean, self.initial_std), kept)

    @abstractmethod
    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        """A plan at least as good as the prior's mean, as far as the search can tell; always within the bounds."""


class Asked:
    """An objective that counts given plans `[B, M, H, A]` among the candidates of every iteration.

    A plan's return does not change within a search, so that of a given plan is asked for once.
    """

    def __init__(self, objective: BoundObjective, given: Tensor | None) -> None:
        self.objective, self.given = objective, given
        self.returns: Tensor | None = None  # [B, M], once they were asked for

    def __call__(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """All candidates `[B, N + M, H, A]` and their returns `[B, N + M]`, for new ones `[B, N, H, A]`."""
        if self.given is None:
            return actions, self.objective(actions)
        together = torch.cat([actions, self.given], 1)
        if self.returns is None:
            returns = self.objective(together)
            self.returns = returns[:, actions.shape[1] :]
            return together, returns
        return together, torch.cat([self.objective(actions), self.returns], 1)


def shift(plan: Tensor) -> Tensor:
    """Plans `[..., H, A]` one step later: the first action is gone, the last one repeats (Chua et al. 2018, alg. 1)."""
    return torch.cat([plan[..., 1:, :], plan[..., -1:, :]], -2)


def samples_around(plan: Plan, samples: int, generator: torch.Generator | None, exponent: float = 0.0) -> Tensor:
    """N normal samples `[B, N, H, A]` clamped to [-1, 1]; `exponent` colours the noise along H, 0 is white."""
    B, H, A = plan.mean.shape
    noise = torch.randn((B, samples, H, A), generator=generator, device=plan.mean.device, dtype=plan.mean.dtype)
    if exponent:
        noise = coloured(noise, exponent)
    return noise.mul_(plan.std[:, None]).add_(plan.mean[:, None]).clamp_(-1, 1)


def candidates_around(plan: Plan, candidates: int, generator: torch.Generator | None, exponent: float = 0.0) -> Tensor:
    """As `samples_around`, with the plan's mean in the place of the first."""
    actions = samples_around(plan, candidates, generator, exponent)
    actions[:, 0] = plan.mean
    return actions


def finite(returns: Tensor) -> Tensor:
    """Returns with the lowest rank for whatever is not a number or not finite: a diverged model never wins."""
    return torch.where(returns.isfinite(), returns, -torch.inf)


def best(actions: Tensor, returns: Tensor, elites: int) -> tuple[Tensor, Tensor]:
    """The K plans `[B, K, H, A]` of highest return among `[B, N, H, A]`, the best first, and their returns `[B, K]`."""
    values, index = finite(returns).topk(elites, 1)  # [B, K]
    return actions.gather(1, index[..., None, None].expand(-1, -1, *actions.shape[2:])), values
