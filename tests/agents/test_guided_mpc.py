"""A planner with a policy's help against the Riccati equation: with the exact value one step of planning is enough."""

import pytest
import torch
from scipy.linalg import solve_discrete_are
from worlds import Counter, Linear, ends_above, state_is_reward

from fulgurite.agents.guided_mpc import GuidedMPC
from fulgurite.agents.policy_agent import PolicyAgent
from fulgurite.data.play import following, started
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.gradient import GradientPlanner
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.objective import Objective
from fulgurite.planners.random_shooting import RandomShooting
from fulgurite.policies.deterministic import DeterministicPolicy

A, B = torch.tensor([[0.9, 0.4], [-0.2, 0.8]]), torch.tensor([[0.0], [0.5]])
Q, R = torch.diag(torch.tensor([1.0, 0.5])), 0.5
P = torch.tensor(solve_discrete_are(A.numpy(), B.numpy(), Q.numpy(), [[R]]), dtype=torch.float32)
K = torch.linalg.solve(R + B.T @ P @ B, B.T @ P @ A)  # a = -K s is optimal
STARTS = 0.05 * torch.tensor([[0.8, 0.0], [-0.5, 0.4], [0.3, -0.6]])  # where tanh is the identity


def quadratic(state, action, next_state):
    return -(state @ Q * state).sum(-1) - R * action.square().sum(-1)


class Knowing(PolicyAgent):
    """Has the optimal policy and the optimal value from the start, or the policy times `gain`."""

    def __init__(self, gain: float = 1.0, world_model=None) -> None:
        world_model = WorldModel(Linear(A, B), quadratic) if world_model is None else world_model
        super().__init__(DeterministicPolicy(hidden=()), (2,), 1, False, world_model, discount=1.0)
        with torch.no_grad():
            self.policy.network.layers[0].weight.copy_(-gain * K)

    def value(self, state):
        return -(state @ P * state).sum(-1)


def cost(agent) -> torch.Tensor:
    state, td, total = STARTS, started(agent, 3), torch.zeros(3)
    for _ in range(40):
        td["observation"] = state
        td = agent(td)
        total -= quadratic(state, td["action"], None)
        state = agent.world_model.dynamics.step(state, td["action"], None, None)
        td = following(td, agent)
    return total / (STARTS @ P * STARTS).sum(-1)


ONE = Objective(particles=1)


def test_with_the_exact_value_one_step_of_planning_is_optimal():
    planner = CEM(candidates=200, elites=20, iterations=8, horizon=1, alpha=0.0, initial_std=0.05, min_std=1e-4)
    assert cost(GuidedMPC(Knowing(), planner, 1, ONE, policy_plans=0)).max() < 1.02
    without = GuidedMPC(Knowing(gain=0.0), planner, 1, ONE, policy_plans=1, value_tail=False)
    assert cost(without).min() > 1.05  # a myopic plan never acts


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e30])
def test_a_policy_in_a_model_that_diverges_proposes_finite_plans(bad):
    agent = GuidedMPC(Knowing(), RandomShooting(horizon=3), 1, ONE, policy_plans=2)
    step = agent.world_model.dynamics.step
    agent.world_model.dynamics.step = lambda *given: step(*given) * bad
    assert agent.others(STARTS).abs().max() <= 1


@pytest.mark.parametrize(
    "planner",
    [
        RandomShooting(candidates=2, horizon=8, initial_std=1.0),
        CEM(candidates=4, elites=1, iterations=2, horizon=8, alpha=0.0, initial_std=1.0, min_std=1e-6),
        ICEM(candidates=4, elites=1, iterations=2, horizon=8, alpha=0.0, initial_std=1.0),
        MPPI(candidates=4, horizon=8, temperature=1e-5, initial_std=1.0),
        GradientPlanner(restarts=1, iterations=1, horizon=8, learning_rate=1e-6, initial_std=1.0),
    ],
    ids=lambda planner: type(planner).__name__,
)
def test_every_planner_takes_the_plan_of_a_policy_that_is_better_than_its_own(planner):
    torch.manual_seed(0)
    assert cost(GuidedMPC(Knowing(), planner, 1, ONE, policy_plans=1)).max() < 1.02
    assert cost(GuidedMPC(Knowing(gain=0.0), planner, 1, ONE, policy_plans=1)).max() > 1.02


def test_the_value_counts_discounted_and_only_as_far_as_the_plan_is_alive():
    world = WorldModel(Counter(), state_is_reward, ends_above(2.5))
    objective = Objective(particles=1, discount=0.5)
    bound = objective.bind(world, torch.zeros(1, 1), 3, tail=lambda state: 100 * state[..., 0])
    slow, fast = torch.full((1, 1, 3, 1), 0.5), torch.full((1, 1, 3, 1), 1.0)
    assert bound(slow).item() == 0.5 + 0.5 * 1.0 + 0.25 * 1.5 + 0.125 * 150
    assert bound(fast).item() == 1 + 0.5 * 2 + 0.25 * 3  # it ended on arriving at 3


def test_the_world_model_is_the_learners_and_is_saved_once():
    agent = GuidedMPC(Knowing(), RandomShooting(4, 2), 1, ONE)
    assert agent.world_model is agent.learner.world_model
    assert all(name.startswith("learner.") for name in agent.state_dict())
    assert agent.acting().world_model is not agent.world_model


class Modelless(Knowing):
    def __init__(self) -> None:
        PolicyAgent.__init__(self, DeterministicPolicy(), (2,), 1, False, None, discount=1.0)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: GuidedMPC(Modelless(), CEM(), 1), "learner: need one with a world model to plan in, got Modelless"),
        (lambda: GuidedMPC(Knowing(), CEM(), 1, policy_plans=-1), "policy_plans: need at least 0, got -1"),
        (
            lambda: GuidedMPC(Knowing(), CEM(), 1, policy_plans=0, value_tail=False),
            "policy_plans: need at least 1 where plans have no value_tail, got 0",
        ),
        (
            lambda: GuidedMPC(Knowing(), CEM(), 1, Objective(discount=0.9)),
            "objective.discount: need that of the value, 1.0, got 0.9",
        ),
        (lambda: Objective(discount=0.0), r"discount: need a number in \(0, 1\], got 0.0"),
    ],
)
def test_what_cannot_be_is_refused(make, text):
    with pytest.raises(ValueError, match=text):
        make()
