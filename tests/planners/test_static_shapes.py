"""Planning is one graph of fixed shapes: nothing in it depends on data, so torch.compile and CUDA graphs can have it.

Gradient planning is missing: torch.compile does not take its own gradients inside.
"""

import pytest
import torch

from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import pendulum_reward
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.objective import Objective
from fulgurite.planners.random_shooting import RandomShooting

PLANNERS = [
    RandomShooting(8, 3),
    CEM(8, 2, 2, 3),
    ICEM(8, 2, 2, 3),
    MPPI(8, 1, 3),
    CEM(8, 2, 2, 3, discrete_actions=True),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own
@pytest.mark.parametrize("planner", PLANNERS, ids=lambda planner: type(planner).__name__)
def test_a_plan_is_one_graph_for_all_states(planner):
    torch._dynamo.reset()
    A = 2 if planner.discrete_actions else 1
    world = WorldModel(
        GaussianDynamics(3, A, members=2, hidden=(4,)), lambda s, a, n: pendulum_reward(s, a[..., :1], n)
    )

    def plan(state, last, kept):
        with torch.no_grad():
            objective = Objective(2).bind(world, state, planner.horizon)
            return planner.plan(objective, planner.prior(last, kept)).actions

    compiled = torch.compile(plan, backend="eager", fullgraph=True)
    for seed in range(2):
        torch.manual_seed(seed)
        state, last = torch.randn(4, 3), torch.rand(4, 3, A)
        kept = torch.rand(4, planner.kept, 3, A) if planner.kept else None
        with torch.compiler.set_stance("default" if seed == 0 else "fail_on_recompile"):
            torch.manual_seed(seed)
            found = compiled(state, last, kept)
        torch.manual_seed(seed)
        assert torch.equal(found, plan(state, last, kept))
