"""A planner that is watched: the candidates of its last question, and what the model promised of each."""

import torch
from torch import Tensor

from ..planners.planner import BoundObjective, Plan, Planner


class Watched(Planner):
    """Plans as the planner that it is given does.

    Attributes:
        asked: actions `[B, N, H, A]` and returns `[B, N]` of the last question of the last search; None before it.

    Args:
        planner: what plans.
    """

    def __init__(self, planner: Planner) -> None:
        super().__init__(planner.horizon, planner.initial_std, planner.discrete_actions, planner.kept)
        self.planner = planner
        self.asked: tuple[Tensor, Tensor] | None = None

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        def watching(actions: Tensor) -> Tensor:
            returns = objective(actions)
            self.asked = actions.detach(), returns.detach()
            return returns

        return self.planner.plan(watching, prior, generator)
