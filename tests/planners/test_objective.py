import torch
from worlds import Counter, Drift, Linear, ends_above, state_is_reward

from fulgurite.imagination import TS1
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.objective import Objective

ZERO = torch.zeros(1, 1)


def test_nothing_counts_after_termination():
    world = WorldModel(Counter(), state_is_reward, ends_above(2))  # s' = s + a
    objective = Objective(particles=1).bind(world, ZERO, 5)
    assert objective(torch.ones(1, 1, 5, 1)).item() == 1 + 2 + 3


def test_returns_are_averaged_over_particles():
    world = WorldModel(Drift(torch.tensor([0.0, 2.0])), state_is_reward)
    objective = Objective(particles=4).bind(world, ZERO, 3)
    assert objective(torch.zeros(1, 1, 3, 1)).item() == (0 + 2 + 4 + 6) / 2


def test_each_state_and_candidate_has_its_own_return():
    world = WorldModel(Counter(), state_is_reward)
    objective = Objective(particles=3).bind(world, torch.tensor([[0.0], [10.0]]), 2)
    actions = torch.tensor([[[[0.0], [0.0]], [[1.0], [1.0]]]]).expand(2, -1, -1, -1)  # [B, N, H, A]
    assert objective(actions).tolist() == [[0, 3], [20, 23]]


def test_a_shaped_reward_takes_the_place_of_the_worlds():
    world = WorldModel(Counter(), state_is_reward, ends_above(1))
    objective = Objective(particles=1, shaped_reward=lambda s, a, n: -n[..., 0]).bind(world, ZERO, 4)
    assert objective(torch.ones(1, 1, 4, 1)).item() == -(1 + 2)


def test_one_plan_has_one_value():
    """Parameters and noise are fixed when the objective is bound, also where they are redrawn every step."""
    torch.manual_seed(0)
    world = WorldModel(GaussianDynamics(2, 1, hidden=(8,)), lambda s, a, n: n.sum(-1))
    objective = Objective(particles=10, propagation=TS1()).bind(world, torch.zeros(1, 2), 6)
    actions = torch.rand(1, 4, 6, 1)
    assert torch.equal(objective(actions), objective(actions))
    torch.testing.assert_close(objective(actions.flip(1)), objective(actions).flip(1))  # common random numbers


def test_gradient_against_finite_differences():
    world = WorldModel(
        Linear(torch.tensor([[1.0, 0.1], [-0.3, 0.9]]), torch.tensor([[0.0], [0.2]])),
        lambda s, a, n: -(n.square().sum(-1)) - 0.1 * a.square().sum(-1),
        lambda n: torch.sigmoid(n[..., 0] - 1),
    ).double()
    world.dynamics.A, world.dynamics.B = world.dynamics.A.double(), world.dynamics.B.double()
    objective = Objective(particles=1).bind(world, torch.tensor([[1.0, -0.5]], dtype=torch.float64), 5)
    actions = torch.rand(1, 2, 5, 1, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(objective, (actions,))
