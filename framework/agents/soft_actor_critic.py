"""What soft actor-critic agents share: losses of policy, values and temperature, and a model that learns beside them.

    one update: J_Q + J_pi + J_alpha (+ the model's losses), each with a gradient in its own part alone

Haarnoja et al. 2018, see `equations/soft_actor_critic.py`. All parts step at once, so the policy learns from the values
of before the update. A kind of it says which transitions the policy learns from.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..equations.soft_actor_critic import actor_loss
from ..keys import ACTION, NEXT_STATE, POLICY_ROWS, REWARD, STATE, TERMINATED, ObservationShape
from ..models.base import Model
from ..models.frozen import frozen
from ..models.latent_world_model import LatentWorldModel
from ..models.update import Update
from ..models.world_model import WorldModel
from ..policies.action_values import ActionValues
from ..policies.policy import Policy
from ..policies.squashed_gaussian import SquashedGaussianPolicy
from ..policies.temperature import Temperature
from .policy_agent import PolicyAgent
from .value_target import Following, OneStep, ValueTarget


class SoftActorCritic(PolicyAgent):
    """Policy, action values and temperature, learned off-policy.

    Args:
        observation_shape, action_size, discrete_actions: see `PolicyAgent`; actions must be real numbers.
        policy: pi, a squashed Gaussian by default.
        values: Q; two by default.
        temperature: alpha, learned by default.
        target: what values are fitted to; `OneStep` by default.
        world_model: of observed states; None for learning without one.
        discount: gamma.
        model_every: the model learns in every so-manieth update.
        model_first: so many updates at the start are the model's alone.
        update: see `Update`.

    Raises:
        ValueError: for discrete actions, a policy without density, a target that needs a model where there is none, a
            model whose state is not the observation, a discount outside [0, 1], counts out of range.
    """

    def __init__(
        self,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool = False,
        policy: Policy | None = None,
        values: ActionValues | None = None,
        temperature: Temperature | None = None,
        target: ValueTarget | None = None,
        world_model: WorldModel | None = None,
        discount: float = 0.99,
        model_every: int = 1,
        model_first: int = 0,
        update: Update | None = None,
    ) -> None:
        policy = SquashedGaussianPolicy() if policy is None else policy
        super().__init__(policy, observation_shape, action_size, discrete_actions, world_model, discount, update=update)
        if discrete_actions or not policy.has_density:
            got = "one-hot ones" if discrete_actions else f"a {type(policy).__name__}"
            raise ValueError(f"policy: need actions that are real numbers, and a density over them, got {got}")
        if isinstance(world_model, LatentWorldModel):
            raise ValueError("world_model: need one whose state is the observation, got a latent one")
        if model_every < 1 or model_first < 0:
            raise ValueError(f"need model_every >= 1 and model_first >= 0, got {model_every} and {model_first}")
        self.target = OneStep() if target is None else target
        if self.target.needs_model and world_model is None:
            raise ValueError(f"target: {type(self.target).__name__} needs a world_model, got none")
        self.values = (ActionValues() if values is None else values).build(self.state_size, action_size)
        self.temperature = (Temperature() if temperature is None else temperature).build(action_size)
        self.model_every = model_every
        self.model_first = model_first if world_model is not None else 0
        self.updates = 0

    def value(self, state: Tensor) -> Tensor:
        """What states `[*B, S]` are worth to the policy, `[*B]`: the least Q of its mode."""
        return self.values(state, self.policy(state).mode()).amin(0)

    # ------------------------------------------------------------------ what is learned from

    @abstractmethod
    def policy_rows(self, batch: TensorDictBase) -> Tensor:
        """The transitions that the policy learns from, packed `[K, *B, D]`, for minibatches `[K, *B]` with states."""

    def prepare(self, batch: TensorDictBase) -> None:
        super().prepare(self.states(batch))
        batch[POLICY_ROWS] = self.policy_rows(batch)

    def adapt(self, batch: TensorDictBase) -> None:
        super().adapt(self.states(batch))

    # ------------------------------------------------------------------ losses

    @property
    def model_due(self) -> bool:
        """Whether the model learns in the next update."""
        return self.world_model is not None and (not self.policy_due or self.updates % self.model_every == 0)

    @property
    def policy_due(self) -> bool:
        """Whether policy, values and temperature learn in the next update."""
        return self.updates >= self.model_first

    def resting(self) -> Sequence[Model]:
        rest = [] if self.policy_due else [self.policy, self.values, self.temperature]
        return rest if self.world_model is None or self.model_due else [*rest, self.world_model]

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        losses: dict[str, Tensor] = {}
        if self.world_model is not None and self.model_due:
            losses |= self.world_model.loss(batch)
        if self.policy_due:
            rows = batch[POLICY_ROWS] if POLICY_ROWS in batch else pack(self.states(batch))
            losses |= self.policy_losses(rows.flatten(0, -2))
        return losses

    def policy_losses(self, rows: Tensor) -> dict[str, Tensor]:
        """Of packed transitions `[B, D]`."""
        state, action, reward, terminated, next_state = unpack(rows, self.state_size, self.action_size)
        alpha = self.temperature.alpha()
        it = Following(self.policy, self.values, alpha, self.discount, self.world_model)
        with torch.no_grad():
            target = self.target.target(reward, terminated, next_state, it)
        drawn = self.policy(state).sample()
        with frozen(self.values):
            q = self.values(state, drawn.action)  # [M, B]
        for name, value in (("entropy", -drawn.log_prob), ("value", q), ("target", target)):
            self.note(f"policy/{name}", value.mean())
        self.note("policy/temperature", alpha)
        return {
            "critic": self.values.fit(state, action, target).mean(),
            "actor": actor_loss(q, drawn.log_prob, alpha),
            "temperature": self.temperature.fit(drawn.log_prob),
        }

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """The model's scores; a policy has none on held-out transitions."""
        return {} if self.world_model is None else self.world_model.evaluate(batch)

    def follow(self) -> None:
        self.updates += 1

    def further_state(self) -> dict[str, Any]:
        return {"updates": self.updates}

    def load_further_state(self, state: dict[str, Any]) -> None:
        self.updates = state["updates"]


def pack(batch: TensorDictBase) -> Tensor:
    """Transitions `[*B]` with states as rows `[*B, S + A + 2 + S]`: s, a, r, d, s'."""
    terminated = batch[TERMINATED].to(batch[REWARD].dtype)
    return torch.cat([batch[STATE], batch[ACTION], batch[REWARD], terminated, batch[NEXT_STATE]], -1)


def unpack(rows: Tensor, state_size: int, action_size: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """s `[*B, S]`, a `[*B, A]`, r and d `[*B]`, s' `[*B, S]` of rows `[*B, D]`."""
    state, action, reward, terminated, next_state = rows.split([state_size, action_size, 1, 1, state_size], -1)
    return state, action, reward.squeeze(-1), terminated.squeeze(-1), next_state
