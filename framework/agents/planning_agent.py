"""What agents that act by planning share: a plan at every step, or every few, carried from search to search.

    a_t = first action of argmax_{a_{t:t+H}} J(a; s_t)        J by the model, see `planners/objective.py`

Each search starts from the last plan shifted by one step. A plan that is executed for k steps before the next one is
made is open-loop control for k = H.
"""

from abc import abstractmethod

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torchrl.data import Unbounded

from ..keys import KEPT, PLAN, PLAN_AGE, STATE
from ..models.latent_world_model import LatentWorldModel
from ..models.update import Update
from ..models.world_model import WorldModel
from ..planners.nonfinite import NonfiniteShare
from ..planners.objective import Objective, Tail
from ..planners.planner import Planner, shift
from .agent import Agent
from .exploration import check_noise, noisy
from .state_estimate import carried, know, remember


class PlanningAgent(Agent):
    """Plans with its world model. What the next search starts from travels in the tensordict.

    A kind of it sets `world_model`, which is the one given here.

    Args:
        world_model: planned with.
        planner: the search for a plan.
        action_size: A.
        objective: what a plan is worth.
        precision: in which the model is evaluated while planning: `float32` or `bfloat16` (autocast).
        discrete_actions: whether an action is one of A; the planner must search among these.
        replan_every: k, the steps of a plan that are executed before the next one is made, at most its horizon.
        action_noise: standard deviation of normal noise on the actions of training, which are clipped to [-1, 1].
        update: see `Update`.

    Raises:
        ValueError: for another precision, for a planner of the other kind of actions, for k above the horizon, for
            noise below 0 or on discrete actions.
    """

    world_model: WorldModel  # never None here

    def __init__(
        self,
        world_model: WorldModel,
        planner: Planner,
        action_size: int,
        objective: Objective,
        precision: str,
        discrete_actions: bool,
        replan_every: int,
        action_noise: float,
        update: Update | None,
    ) -> None:
        super().__init__(update=update)
        if precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision: need float32 or bfloat16, got {precision!r}")
        if planner.discrete_actions != discrete_actions:
            kinds = ("one-hot", "in [-1, 1]") if discrete_actions else ("in [-1, 1]", "one-hot")
            raise ValueError(f"planner: need one for actions {kinds[0]}, got {type(planner).__name__} for {kinds[1]}")
        if not 1 <= replan_every <= planner.horizon:
            raise ValueError(f"replan_every: need 1 to the horizon, {planner.horizon}, got {replan_every}")
        check_noise(action_noise, discrete_actions)
        self.replan_every = replan_every
        self.action_noise = action_noise
        self.members, self.sequences = world_model.members, world_model.sequences
        self.planner = planner
        self.nonfinite = NonfiniteShare()
        self.objective = objective
        self.precise = precision == "float32"
        self.memory_spec = carried(world_model, action_size)
        self.memory_spec[PLAN] = Unbounded((planner.horizon, action_size))
        if planner.kept:
            self.memory_spec[KEPT] = Unbounded((planner.kept, planner.horizon, action_size))
        if replan_every > 1:
            self.memory_spec[PLAN_AGE] = Unbounded((1,))
        if isinstance(world_model, LatentWorldModel) and self.objective.shaped_reward is not None:
            raise ValueError("objective.shaped_reward: need none where the state is not observed")

    @abstractmethod
    def others(self, state: Tensor) -> Tensor | None:
        """Plans `[B, M, H, A]` that a search from states `[B, S]` shall try besides its own."""

    @abstractmethod
    def tail(self) -> Tail | None:
        """What states at the end of a plan are worth; None where plans end with their rewards."""

    def autocast(self) -> torch.autocast:
        """The precision of planning, as a context."""
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=not self.precise)

    @torch.no_grad()
    def forward(self, td: TensorDictBase) -> TensorDictBase:
        know(self.world_model, td)
        if self.replan_every == 1:
            self.replan(td)
        else:
            self.follow_or_replan(td)
        if self.training and self.action_noise:
            td["action"] = noisy(td["action"], self.action_noise, self.generator)
        remember(self.world_model, td)
        return td

    def follow_or_replan(self, td: TensorDictBase) -> None:
        """The next action of a plan that is not used up, or of a new one."""
        age = td[PLAN_AGE].masked_fill(td["is_init"], 0.0)
        due = age[:, 0] % self.replan_every == 0
        td[PLAN_AGE] = age
        td["action"], td["next", PLAN] = td[PLAN][:, 0], shift(td[PLAN])
        td["next", PLAN_AGE] = age + 1
        if self.planner.kept:
            td["next", KEPT] = shift(td[KEPT])
        if due.any():
            made = td[due]
            self.replan(made)
            made["next", PLAN] = shift(made[PLAN])  # what is left to execute, not the mean
            td[due] = made

    def replan(self, td: TensorDictBase) -> None:
        """Searches for all states, and acts by what was found."""
        fresh = td["is_init"][..., None]  # [B, 1, 1]
        last = td[PLAN].masked_fill(fresh, 0.0)  # [B, H, A]
        kept = td[KEPT].masked_fill(fresh[..., None], 0.0) if self.planner.kept else None  # [B, M, H, A]
        with self.autocast():
            others = self.others(td[STATE])
            if others is not None:
                kept = others if kept is None else torch.cat([kept, others], 1)
            objective = self.objective.bind(
                self.world_model, td[STATE], self.planner.horizon, self.generator, self.tail()
            )
            prior = self.planner.prior(last, kept)
            plan = self.planner.plan(self.nonfinite.watching(objective), prior, self.generator)
        td["action"] = plan.actions[:, 0]
        td[PLAN] = plan.actions
        td["next", PLAN] = shift(plan.mean)
        if plan.kept is not None:
            td["next", KEPT] = shift(plan.kept)

    def counted(self) -> dict[str, float]:
        """`plan/nonfinite_share`: of the returns of candidate plans that were not finite."""
        share = self.nonfinite.taken()
        return {} if share is None else {"plan/nonfinite_share": share}

    @torch.no_grad()
    def promised_return(self, state: Tensor, plan: Tensor) -> Tensor:
        """What the model expects `[B]` of plans `[B, H, A]` from states `[B, S]`, in the reward it plans with.

        The mean over particles, whatever the objective's caution or curiosity.
        """
        with self.autocast():
            objective = self.objective.expected().bind(self.world_model, state, plan.shape[1], self.generator)
            return objective(plan[:, None])[:, 0]
