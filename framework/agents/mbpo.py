"""Model-based policy optimisation: soft actor-critic on many short imagined rollouts, and a few real transitions.

Janner et al. 2019, "When to Trust Your Model: Model-Based Policy Optimization", algorithm 2. The model learns on all
that was seen, while the policy does; rollouts begin in the minibatches' states, with the newest policy and model.
"""

from typing import Any

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..data.ring import Ring
from ..keys import STATE
from ..models.world_model import WorldModel
from .branched_rollouts import BranchedRollouts
from .soft_actor_critic import SoftActorCritic, pack


class MBPO(SoftActorCritic):
    """Mixes what was seen with what is imagined. The policy's batch is as large as the model's, of all members.

    Args:
        world_model: imagined with, and learned.
        rollouts: what is imagined.
        real_ratio: the share of a batch that was really seen; with 1 nothing is imagined, which is `SAC`.
        capacity: imagined transitions that are kept; then the oldest are overwritten.
        soft_actor_critic: see `SoftActorCritic`.

    Raises:
        ValueError: for a share outside [0, 1]; see `SoftActorCritic`, `Ring`.
    """

    world_model: WorldModel  # never None here

    def __init__(
        self,
        world_model: WorldModel,
        rollouts: BranchedRollouts | None = None,
        real_ratio: float = 0.05,
        capacity: int = 100_000,
        **soft_actor_critic: Any,
    ) -> None:
        super().__init__(world_model=world_model, **soft_actor_critic)
        if not 0 <= real_ratio <= 1:
            raise ValueError(f"real_ratio: need a number in [0, 1], got {real_ratio}")
        self.rollouts = BranchedRollouts() if rollouts is None else rollouts
        self.real_ratio = real_ratio
        self.imagined = Ring(capacity)

    def policy_rows(self, batch: TensorDictBase) -> Tensor:
        rows = pack(batch)  # [K, *B, D]
        B = rows.shape[-2]
        real = round(self.real_ratio * B)
        # what is imagined while only the model learns would be the dreams of one that has seen nothing
        if real == B or self.updates + len(rows) <= self.model_first:
            return rows
        self.imagine(batch[STATE])
        if len(self.imagined):
            rows[..., real:, :] = self.imagined.sample(*rows.shape[:-2], B - real)
        return rows

    def imagine(self, state: Tensor) -> None:
        """Rollouts from some of the states `[K, *B, S]` of a call's minibatches, of each as many."""
        n = self.rollouts.per_update
        starts = state.movedim(-2, 1).flatten(1, -2)[:, :n].flatten(0, 1)  # members take turns
        steps = self.env_steps()
        rows = self.rollouts.made(self.world_model, self.policy, starts, steps)
        self.imagined.extend(rows)
        self.note("imagination/length", torch.tensor(float(self.rollouts.length.at(steps))))
        self.note("imagination/reward", rows[:, self.state_size + self.action_size].mean())

    def env_steps(self) -> int:
        """How many the run has made; 0 outside of one."""
        experience = None if self._trainer is None else self.experience
        return 0 if experience is None else experience.env_steps

    def further_state(self) -> dict[str, Any]:
        return {**super().further_state(), "imagined": self.imagined.state_dict()}

    def load_further_state(self, state: dict[str, Any]) -> None:
        super().load_further_state(state)
        self.imagined.load_state_dict(state["imagined"])
