"""Planning guided by a policy: it proposes plans, and its value says what the end of a plan is worth.

    candidates = the planner's and M of a_t ~ pi(. | s_t) in the model
    J(a_{0:H}) = E sum_t gamma^t r_t + gamma^H V(s_H)        the policy learns as it would alone

The policy is closed-loop and knows what comes after the horizon; the search corrects it where it is wrong. Lowrey et
al. 2019 (POLO); Wang and Ba 2020 (POPLIN); Hansen et al. 2022 (TD-MPC), section 3.
"""

from collections.abc import Sequence

from tensordict import TensorDictBase
from torch import Tensor

from ..imagination import TSInfinity, imagine_policy
from ..models.base import Model
from ..models.update import Update
from ..models.world_model import WorldModel
from ..planners.objective import Objective, Tail
from ..planners.planner import Planner
from .planning_agent import PlanningAgent
from .policy_agent import PolicyAgent


class GuidedMPC(PlanningAgent):
    """Plans in the world model of an agent that learns a policy, with its help.

    Args:
        learner: learns the world model, the policy and the value.
        planner: the search for a plan; its horizon may be short.
        action_size: A.
        objective: what a plan is worth; the mean over 20 TS-infinity particles by the learner's discount by default.
        policy_plans: M, each through the model under its own draw of the parameters; 0: the policy proposes nothing.
        value_tail: whether plans end with the value.
        precision, discrete_actions, replan_every, action_noise, update: see `PlanningAgent`.

    Raises:
        ValueError: for a learner without a world model, fewer than no plans, neither plans nor value, and a discount
            that the value was not learned with.
    """

    world_model: WorldModel  # never None here

    def __init__(
        self,
        learner: PolicyAgent,
        planner: Planner,
        action_size: int,
        objective: Objective | None = None,
        policy_plans: int = 8,
        value_tail: bool = True,
        precision: str = "float32",
        discrete_actions: bool = False,
        replan_every: int = 1,
        action_noise: float = 0.0,
        update: Update | None = None,
    ) -> None:
        world_model = learner.world_model
        if world_model is None:
            raise ValueError(f"learner: need one with a world model to plan in, got {type(learner).__name__}")
        if policy_plans < 0 or not (policy_plans or value_tail):
            need = "at least 0" if value_tail else "at least 1 where plans have no value_tail"
            raise ValueError(f"policy_plans: need {need}, got {policy_plans}")
        objective = Objective(discount=learner.discount) if objective is None else objective
        if value_tail and objective.discount != learner.discount:
            raise ValueError(
                f"objective.discount: need that of the value, {learner.discount}, got {objective.discount}"
            )
        super().__init__(
            world_model,
            planner,
            action_size,
            objective,
            precision,
            discrete_actions,
            replan_every,
            action_noise,
            update,
        )
        self.learner = learner
        self.__dict__["world_model"] = world_model  # the learner's part: a second name for it would save it twice
        self.policy_plans, self.value_tail = policy_plans, value_tail

    def others(self, state: Tensor) -> Tensor | None:
        M, H = self.policy_plans, self.planner.horizon
        if not M:
            return None
        imagined = imagine_policy(
            self.world_model,
            state.repeat(M, 1),
            lambda state, t: self.learner.policy(state).sample(self.generator).action,
            H,
            propagation=TSInfinity(),
            particles=M,
            generator=self.generator,
        )
        plans = imagined.action.view(H, M, len(state), -1).permute(2, 1, 0, 3)  # [B, M, H, A]
        return plans.nan_to_num(0.0)  # what the policy does in states that a diverged model leads to

    def tail(self) -> Tail | None:
        return self.learner.value if self.value_tail else None

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return self.learner.loss(batch)

    def resting(self) -> Sequence[Model]:
        return self.learner.resting()

    def evaluate(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return self.learner.evaluate(batch)
