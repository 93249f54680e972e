"""The gradient planner against finite differences and against the exact optimum of a linear system."""

import pytest
import torch
from worlds import Counter, Linear, bowl, state_is_reward

from fulgurite.agents.mpc import MPC
from fulgurite.data.play import started
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.gradient import GradientPlanner, ascent
from fulgurite.planners.objective import Objective


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def learned_world() -> WorldModel:
    torch.manual_seed(0)
    return WorldModel(GaussianDynamics(2, 1, members=2, hidden=(8,)), lambda s, a, n: -n.square().sum(-1))


def test_the_gradient_through_a_learned_model_against_finite_differences():
    world = learned_world().double()
    objective = Objective(particles=4).bind(world, torch.tensor([[1.0, -0.5]], dtype=torch.float64), 4, seeded())
    actions = torch.rand(1, 3, 4, 1, dtype=torch.float64, generator=seeded())
    with torch.no_grad():  # as the agent plans
        returns, gradient = ascent(objective, actions)
        torch.testing.assert_close(returns, objective(actions))
        for i in range(3):
            for t in range(4):
                step = torch.zeros_like(actions)
                step[0, i, t] = 1e-6
                slope = (objective(actions + step) - objective(actions - step))[0, i] / 2e-6
                assert gradient[0, i, t].item() == pytest.approx(slope.item(), rel=1e-6)


def test_the_models_weights_get_no_gradient():
    world = learned_world()
    agent = MPC(world, GradientPlanner(2, 3, 4), 1, Objective(particles=2))
    td = started(agent, 3)
    td["observation"] = torch.rand(3, 2)
    action = agent(td)["action"]
    assert not action.requires_grad
    assert all(parameter.grad is None for parameter in world.parameters())


def test_the_open_loop_optimum_of_a_linear_system():
    """s_H = M a + c: the best plan of -|s|^2 summed minus the effort solves a linear system of equations."""
    A, B = torch.tensor([[0.9, 0.3], [-0.2, 0.8]]), torch.tensor([[0.0], [0.5]])
    world = WorldModel(Linear(A, B), lambda s, a, n: -n.square().sum(-1) - 0.5 * a.square().sum(-1))
    start, H = torch.tensor([0.6, -0.2]), 6
    M, c = torch.zeros(2 * H, H), torch.zeros(2 * H)
    for t in range(H):
        c[2 * t : 2 * t + 2] = torch.linalg.matrix_power(A, t + 1) @ start
        for k in range(t + 1):
            M[2 * t : 2 * t + 2, k] = (torch.linalg.matrix_power(A, t - k) @ B)[:, 0]
    optimum = torch.linalg.solve(M.T @ M + 0.5 * torch.eye(H), -M.T @ c)  # [H]
    assert optimum.abs().max() < 1
    planner = GradientPlanner(restarts=1, iterations=150, horizon=H, learning_rate=0.02)
    objective = Objective(particles=1).bind(world, start[None], H)
    plan = planner.plan(objective, planner.prior(torch.zeros(1, H, 1)), seeded())
    torch.testing.assert_close(plan.actions[0, :, 0], optimum, atol=2e-3, rtol=0)


def test_restarts_find_the_higher_of_two_hills():
    """One start stays on the low hill at -0.5, where the plan so far is."""

    def hills(actions):
        a = actions[..., 0, 0]
        return torch.exp(-50 * (a + 0.5).square()) + 2 * torch.exp(-50 * (a - 0.7).square())

    prior = torch.full((1, 1, 1), -0.45)
    one, many = GradientPlanner(1, 40, 1, 0.02), GradientPlanner(60, 40, 1, 0.02, initial_std=0.8)
    assert one.plan(hills, one.prior(prior), seeded()).actions.item() == pytest.approx(-0.5, abs=0.02)
    assert many.plan(hills, many.prior(prior), seeded()).actions.item() == pytest.approx(0.7, abs=0.02)


def test_a_given_start_is_never_made_worse():
    target = torch.tensor([[0.3], [-0.8]])
    start = CEM(20, 4, 2, 2)
    planner = GradientPlanner(1, 3, 2, learning_rate=0.9, start=start)  # steps so long that they overshoot
    prior = planner.prior(torch.zeros(5, 2, 1))
    found = bowl(target)(start.plan(bowl(target), prior, seeded()).actions[:, None])
    assert (bowl(target)(planner.plan(bowl(target), prior, seeded()).actions[:, None]) >= found).all()


def test_a_return_without_slope_is_refused():
    world = WorldModel(Counter(), lambda s, a, n: torch.ones_like(n[..., 0]))
    planner = GradientPlanner(2, 2, 3)
    objective = Objective(particles=1).bind(world, torch.zeros(1, 1), 3)
    with pytest.raises(ValueError, match="does not change smoothly with the actions"):
        planner.plan(objective, planner.prior(torch.zeros(1, 3, 1)))
    assert (
        planner.plan(
            Objective(particles=1).bind(WorldModel(Counter(), state_is_reward), torch.zeros(1, 1), 3),
            planner.prior(torch.zeros(1, 3, 1)),
        ).actions.min()
        > 0.3
    )  # two steps of 0.2 upwards
