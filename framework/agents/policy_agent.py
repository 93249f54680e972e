"""What agents that act by a policy share: pi(a | s) at the state, observed or filtered.

    a_t ~ pi(. | s_t) while it is trained, its mode in evaluations

A policy answers in the time of one small network, where a planner searches.
"""

from abc import abstractmethod

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..keys import STATE, ObservationShape
from ..models.latent_world_model import LatentWorldModel
from ..models.observation_shape import vector_size
from ..models.update import Update
from ..models.world_model import WorldModel
from ..policies.policy import Policy
from .agent import Agent
from .exploration import check_noise, noisy
from .state_estimate import carried, know, remember


class PolicyAgent(Agent):
    """Acts by its policy; a kind of it says by `loss` how that learns.

    Args:
        policy: what acts.
        discount: gamma, of what follows.
        observation_shape: of one observation; a vector, unless the world model makes states of them.
        action_size: A.
        discrete_actions: whether an action is one of A; the policy must be for such.
        world_model: the model of the world, or None for learning without one.
        action_noise: standard deviation of normal noise on the actions of training, which are clipped to [-1, 1].
        learning_rate, weight_decay, gradient_clip: of parameters of its own; see `Model`.
        update: see `Update`.

    Raises:
        ValueError: for a policy of the other kind of actions, noise below 0 or on discrete actions, and a discount
            outside [0, 1].
    """

    def __init__(
        self,
        policy: Policy,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool,
        world_model: WorldModel | None,
        discount: float,
        action_noise: float = 0.0,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip, update=update
        )
        if policy.discrete_actions != discrete_actions:
            kinds = ("one-hot", "in [-1, 1]") if discrete_actions else ("in [-1, 1]", "one-hot")
            raise ValueError(f"policy: need one for actions {kinds[0]}, got {type(policy).__name__} for {kinds[1]}")
        if not 0 <= discount <= 1:
            raise ValueError(f"discount: need a number in [0, 1], got {discount}")
        check_noise(action_noise, discrete_actions)
        self.world_model, self.discount = world_model, discount
        if world_model is not None:
            self.members, self.sequences = world_model.members, world_model.sequences
        self.state_size = (
            world_model.state_size
            if isinstance(world_model, LatentWorldModel)
            else vector_size(observation_shape, type(self).__name__)
        )
        self.action_size = action_size
        self.policy = policy.build(self.state_size, action_size)
        self.action_noise = action_noise
        self.memory_spec = carried(world_model, action_size)

    @abstractmethod
    def value(self, state: Tensor) -> Tensor:
        """What states `[*B, S]` are worth under the policy, `[*B]`: the discounted sum of what follows."""

    @torch.no_grad()
    def forward(self, td: TensorDictBase) -> TensorDictBase:
        know(self.world_model, td)
        pi = self.policy(td[STATE])
        td["action"] = pi.sample(self.generator).action if self.training else pi.mode()
        if self.training and self.action_noise:
            td["action"] = noisy(td["action"], self.action_noise, self.generator)
        remember(self.world_model, td)
        return td

    def states(self, batch: TensorDictBase) -> TensorDictBase:
        """A batch of transitions with `state` and `next.state`."""
        if STATE in batch:
            return batch
        if self.world_model is not None:
            return self.world_model.infer(batch)
        batch[STATE], batch["next", STATE] = batch["observation"], batch["next", "observation"]
        return batch
