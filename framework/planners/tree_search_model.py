"""A world model as the function that a tree search simulates with.

    theta ~ p(theta | D) once a search, W draws        s' ~ p(s' | s, a, theta), the W draws' noise spread evenly

The noise of the W draws is a Latin hypercube: in every dimension each draw falls into another W-th of the standard
normal, so few draws show what can happen. McKay, Beckman and Conover 1979. With one draw the mean is simulated.
"""

import torch
from torch import Tensor

from ..models.reward import RewardFunction
from ..models.world_model import WorldModel
from .tree_search import Simulate


def simulator(
    world_model: WorldModel, outcomes: int, reward: RewardFunction | None, generator: torch.Generator | None
) -> Simulate:
    """state `[W, *B, S]`, action `[W, *B, A]` -> next state, reward, probability of going on; W is `outcomes`.

    `reward` replaces the world model's.
    """
    theta = world_model.sample_parameters(outcomes, generator)

    def simulate(state: Tensor, action: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        noise = latin_hypercube(state, generator) if outcomes > 1 else None
        after = world_model.dynamics.step(state, action, theta, noise)
        r, going_on = world_model.outcome(state, action, after, reward)
        return after, r, torch.ones_like(r) if going_on is None else going_on

    return simulate


def latin_hypercube(like: Tensor, generator: torch.Generator | None) -> Tensor:
    """Standard normal `[W, ...]`, one draw from each W-th of the distribution."""
    place, offset = torch.rand(2, *like.shape, generator=generator, device=like.device, dtype=like.dtype).unbind(0)
    quantile = (place.argsort(0) + offset) / len(like)
    return torch.special.ndtri(quantile.clamp(1e-6, 1 - 1e-6))
