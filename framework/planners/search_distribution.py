"""The distributions over plans that a search samples from and refits to its best samples.

    actions in [-1, 1]:  a_t ~ N(mu_t, sigma_t^2), clamped        one-hot actions:  a_t ~ Categorical(p_t)

Refitting is a step towards the maximum of the elites' likelihood: their mean and deviation, or their frequencies.
De Boer et al. 2005, sections 3 (one-hot) and 5 (normal).
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from .planner import Plan, candidates_around


class SearchDistribution(ABC):
    """Where candidates come from."""

    @abstractmethod
    def start(self, prior: Plan) -> Plan:
        """The distribution of the first samples."""

    @abstractmethod
    def sample(self, plan: Plan, candidates: int, generator: torch.Generator | None) -> Tensor:
        """N plans `[B, N, H, A]`, the most likely one as the first of them."""

    @abstractmethod
    def refit(self, plan: Plan, elites: Tensor, alpha: float) -> Plan:
        """Closer to the elites `[B, K, H, A]`; a share alpha of the old is kept. `actions` are the most likely ones."""


class Gaussian(SearchDistribution):
    """Independent normals, clamped to the bounds.

    Args:
        min_std: lower bound of sigma, so that the search does not die at a chance elite.
    """

    def __init__(self, min_std: float) -> None:
        self.min_std = min_std

    def start(self, prior: Plan) -> Plan:
        return prior

    def sample(self, plan: Plan, candidates: int, generator: torch.Generator | None) -> Tensor:
        return candidates_around(plan, candidates, generator)

    def refit(self, plan: Plan, elites: Tensor, alpha: float) -> Plan:
        mean = plan.mean.lerp(elites.mean(1), 1 - alpha)
        std = plan.std.lerp(elites.std(1, unbiased=False), 1 - alpha).clamp_min(self.min_std)
        return Plan(mean, mean, std)


class Categorical(SearchDistribution):
    """Independent choices among A actions, `Plan.mean` their probabilities.

    Args:
        initial: share of the first samples' actions that is uniform instead of the last plan's.
        least: share that stays uniform at every refit, so that no action dies out by chance.
    """

    def __init__(self, initial: float, least: float) -> None:
        self.initial, self.least = min(1.0, initial), min(1.0, least)

    def start(self, prior: Plan) -> Plan:
        nothing_known = prior.mean.sum(-1, keepdim=True) == 0
        known = torch.where(nothing_known, 1 / prior.mean.shape[-1], prior.mean)
        return likeliest(mixed(known, self.initial), prior.std)

    def sample(self, plan: Plan, candidates: int, generator: torch.Generator | None) -> Tensor:
        B, H, A = plan.mean.shape
        shape = (B, candidates, H, 1)
        uniform = torch.rand(shape, generator=generator, device=plan.mean.device, dtype=plan.mean.dtype)
        below = plan.mean.cumsum(-1)[:, None] <= uniform  # [B, N, H, A], the inverse of the cumulative distribution
        chosen = below.sum(-1).clamp_max(A - 1)  # the sum of the probabilities may round to less than 1
        chosen[:, 0] = plan.mean.argmax(-1)
        return one_hot(chosen, A).to(plan.mean.dtype)

    def refit(self, plan: Plan, elites: Tensor, alpha: float) -> Plan:
        return likeliest(mixed(plan.mean.lerp(elites.mean(1), 1 - alpha), self.least), plan.std)


def mixed(probabilities: Tensor, uniform: float) -> Tensor:
    """Probabilities `[..., A]` with a share of the uniform distribution in them."""
    return (1 - uniform) * probabilities + uniform / probabilities.shape[-1]


def likeliest(probabilities: Tensor, std: Tensor) -> Plan:
    """The plan of the most probable actions; `std` is carried along unused."""
    actions = one_hot(probabilities.argmax(-1), probabilities.shape[-1]).to(probabilities.dtype)
    return Plan(actions, probabilities, std)
