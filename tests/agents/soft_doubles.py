"""Small soft actor-critic agents, and the batches they learn from."""

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from fulgurite.agents.mbpo import MBPO
from fulgurite.agents.sac import SAC
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.action_values import ActionValues
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy

S, A = 3, 2


def first_action(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """r = s'_0 + a_0."""
    return next_state[..., 0] + action[..., 0]


def world(members: int = 2, **parts: Any) -> WorldModel:
    return WorldModel(GaussianDynamics(S, A, members=members, hidden=(8,)), first_action, **parts)


def small(**changes: Any) -> dict[str, Any]:
    """Arguments of an agent with networks of eight units."""
    return {
        "observation_shape": (S,),
        "action_size": A,
        "policy": SquashedGaussianPolicy(hidden=(8,)),
        "values": ActionValues(hidden=(8,)),
        **changes,
    }


def sac(**changes: Any) -> SAC:
    return SAC(**small(**changes))


def mbpo(**changes: Any) -> MBPO:
    return MBPO(**small(**{"world_model": world(), **changes}))


def batch(*shape: int, seed: int = 0) -> TensorDict:
    """Transitions of s' = s + noise, every third of which ended the task, every fourth the recording."""
    chance = torch.Generator().manual_seed(seed)
    state = torch.randn(*shape, S, generator=chance)
    number = torch.arange(shape[-1]).expand(shape)[..., None]
    ended, cut = number % 3 == 0, number % 4 == 0
    following = {
        "observation": state + 0.1 * torch.randn(state.shape, generator=chance),
        "reward": torch.randn(*shape, 1, generator=chance),
        "terminated": ended, "truncated": cut, "done": ended | cut,
    }  # fmt: skip
    action = torch.rand(*shape, A, generator=chance) * 2 - 1
    return TensorDict({"observation": state, "action": action, "next": following}, shape)
