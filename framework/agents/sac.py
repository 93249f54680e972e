"""Soft actor-critic: a model-free agent that learns from what is replayed.

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", algorithm 1.
"""

from tensordict import TensorDictBase
from torch import Tensor

from .soft_actor_critic import SoftActorCritic, pack


class SAC(SoftActorCritic):
    """Learns from real transitions alone. A world model, where one is given, serves its target and who watches it.

    Args: see `SoftActorCritic`.
    """

    def policy_rows(self, batch: TensorDictBase) -> Tensor:
        return pack(batch)
