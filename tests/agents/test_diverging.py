"""Agents whose model explodes: what they do stays finite and within bounds, and how often it happened is counted."""

import pytest
import torch
from worlds import Counter, state_is_reward

from fulgurite.agents.mpc import MPC
from fulgurite.agents.tree_search import MCTS
from fulgurite.data.play import following, started
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.disagreement import Disagreement
from fulgurite.planners.gradient import GradientPlanner
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.objective import Objective
from fulgurite.planners.random_shooting import RandomShooting
from fulgurite.planners.risk import CVaR, LowerConfidenceBound
from fulgurite.planners.tree_search_gumbel import GumbelSearch
from fulgurite.planners.tree_search_puct import PUCT
from fulgurite.planners.tree_search_uct import UCT

BAD = [1e30, torch.nan, torch.inf, -torch.inf]


class Exploding(Counter):
    """s' = s + a until |s| reaches `limit`, then `bad` times what it was."""

    def __init__(self, bad: float, limit: float = 0.0) -> None:
        super().__init__()
        self.bad, self.limit = bad, limit

    def step(self, state, action, theta, noise):
        moved = state + action.sum(-1, keepdim=True)
        return torch.where(moved.abs() >= self.limit, moved * self.bad, moved)


def steps(agent, states=3):
    """The actions of a few steps on end, each from what the last one left in memory."""
    td = started(agent, states)
    for _ in range(4):
        td["observation"] = torch.randn(states, 1)
        td = agent(td)
        yield td["action"]
        td = following(td, agent)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("limit", [0.0, 0.5])
@pytest.mark.parametrize(
    "objective",
    [Objective(2), Objective(2, risk=LowerConfidenceBound()), Objective(2, risk=CVaR()),
     Objective(2, disagreement=Disagreement(1.0, draws=2))],
    ids=["mean", "bound", "cvar", "disagreement"],
)  # fmt: skip
@pytest.mark.parametrize(
    "planner",
    [
        RandomShooting(8, 4), CEM(8, 3, 3, 4), ICEM(8, 3, 3, 4), MPPI(8, 3, 4), MPPI(8, 3, 4, control_cost=0.1),
        GradientPlanner(3, 3, 4), GradientPlanner(3, 3, 4, start=ICEM(8, 3, 3, 4)),
        CEM(8, 3, 3, 4, discrete_actions=True), RandomShooting(8, 4, discrete_actions=True),
    ],
    ids=lambda planner: type(planner).__name__,
)  # fmt: skip
def test_a_plan_in_an_exploding_model_is_an_action_within_bounds(planner, objective, bad, limit):
    torch.manual_seed(0)
    world = WorldModel(Exploding(bad, limit), state_is_reward)
    agent = MPC(world, planner, 2, objective, discrete_actions=planner.discrete_actions)
    for action in steps(agent):
        assert action.isfinite().all()
        assert action.abs().max() <= 1
        assert not planner.discrete_actions or torch.equal(action.sum(-1), torch.ones(3))


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("search", [UCT(simulations=8), PUCT(simulations=8), GumbelSearch(2, simulations=8)])
def test_a_search_in_an_exploding_model_finds_an_action(search, bad):
    agent = MCTS(WorldModel(Exploding(bad), state_is_reward), search, 2, discrete_actions=True)
    for action in steps(agent):
        assert torch.equal(action.sort(-1).values, torch.tensor([[0.0, 1.0]]).expand(3, 2))


def test_a_weighted_mean_of_plans_at_the_bounds_does_not_leave_them():
    """Its weights sum to one up to rounding only."""
    planner, returns = MPPI(9, 3, 4, initial_std=1e-9), torch.randn(4, 9, generator=torch.Generator().manual_seed(0))
    plan = planner.plan(lambda actions: returns, planner.prior(torch.ones(4, 4, 2)))
    assert plan.actions.max() == 1


def test_the_share_of_returns_that_are_not_finite_is_counted():
    """Half of all first actions cross the limit; the share since it was last asked."""
    agent = MPC(WorldModel(Exploding(torch.nan, 1e9), state_is_reward), RandomShooting(400, 1), 1, Objective(1))
    assert agent.counted() == {}
    list(steps(agent))
    assert agent.counted() == {"plan/nonfinite_share": 0.0}
    agent.world_model.dynamics.step = lambda s, a, theta, noise: torch.where(a > 0, torch.nan, s + a)
    list(steps(agent))
    assert agent.counted()["plan/nonfinite_share"] == pytest.approx(0.5, abs=0.05)
    assert agent.counted() == {}
