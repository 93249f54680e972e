"""Model-predictive control: plan with the model, execute the first action, plan again from where it led.

    a_t = first action of argmax_{a_{t:t+H}} J(a; s_t)        J by the model, see `planners/objective.py`

Chua et al. 2018 (PETS), algorithm 1.
"""

from torch import Tensor

from ..models.update import Update
from ..models.world_model import WorldModel
from ..planners.objective import Objective, Tail
from ..planners.planner import Planner
from .planning_agent import PlanningAgent


class MPC(PlanningAgent):
    """Plans anew at every step, or every few, by nothing but its world model.

    Args:
        world_model: learned from experience, planned with.
        planner: the search for a plan.
        action_size: A.
        objective: what a plan is worth; the mean return over 20 TS-infinity particles by default.
        precision, discrete_actions, replan_every, action_noise, update: see `PlanningAgent`.
    """

    world_model: WorldModel  # never None here

    def __init__(
        self,
        world_model: WorldModel,
        planner: Planner,
        action_size: int,
        objective: Objective | None = None,
        precision: str = "float32",
        discrete_actions: bool = False,
        replan_every: int = 1,
        action_noise: float = 0.0,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            world_model,
            planner,
            action_size,
            Objective() if objective is None else objective,
            precision,
            discrete_actions,
            replan_every,
            action_noise,
            update,
        )
        self.world_model = world_model

    def others(self, state: Tensor) -> None:
        return None

    def tail(self) -> Tail | None:
        return None
