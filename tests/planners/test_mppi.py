"""MPPI's weights against loops written out, and its limits."""

import math

import pytest
import torch
from worlds import bowl

from fulgurite.planners.mppi import MPPI, weights
from fulgurite.planners.planner import Plan


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_one_iteration_against_loops():
    """The formula of the docstring, candidate by candidate and number by number, the control cost included."""
    B, N, H, A, temperature, std, gamma = 2, 6, 3, 2, 0.7, 0.4, 0.3
    mean = torch.rand(B, H, A, generator=seeded()) - 0.5
    target, seen = torch.full((H, A), 0.2), []

    def objective(actions):
        seen.append(actions)
        return bowl(target)(actions)

    planner = MPPI(N, 1, H, temperature, std, control_cost=gamma)
    found = planner.plan(objective, planner.prior(mean), seeded()).mean
    (actions,) = seen
    for b in range(B):
        cost = []
        for i in range(N):
            total = 0.0
            for t in range(H):
                for k in range(A):
                    a, u = actions[b, i, t, k].item(), mean[b, t, k].item()
                    total += (a - 0.2) ** 2 + gamma * u * (a - u) / std**2
            cost.append(total)
        raw = [math.exp(-(c - min(cost)) / temperature) for c in cost]
        for t in range(H):
            for k in range(A):
                expected = sum(w / sum(raw) * actions[b, i, t, k].item() for i, w in enumerate(raw))
                assert found[b, t, k].item() == pytest.approx(expected, abs=1e-6)


def test_cold_is_the_best_sample_and_hot_the_average():
    returns = torch.tensor([[1.0, 3.0, 2.0]])
    torch.testing.assert_close(weights(returns, 1e-4), torch.tensor([[0.0, 1.0, 0.0]]))
    torch.testing.assert_close(weights(returns, 1e6), torch.full((1, 3), 1 / 3), atol=1e-5, rtol=0)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e8])
def test_only_differences_of_returns_count(scale):
    """Returns of any size: the largest is taken away before the exponential."""
    returns = torch.tensor([[0.0, -1.0, -2.0]], dtype=torch.float64)
    torch.testing.assert_close(weights(returns + scale, 1.0), weights(returns, 1.0))
    torch.testing.assert_close(weights(returns * scale, scale), weights(returns, 1.0))


def test_what_is_not_finite_weighs_nothing():
    returns = torch.tensor([[torch.nan, 0.0, torch.inf, 0.0, -torch.inf], [torch.nan] * 5])
    assert weights(returns, 1.0).tolist() == [[0, 0.5, 0, 0.5, 0], [pytest.approx(0.2)] * 5]


def test_control_cost_draws_the_plan_to_zero():
    mean = torch.full((1, 2, 1), 0.2)
    plans = [
        planner.plan(lambda a: a.new_zeros(a.shape[:2]), planner.prior(mean), seeded()).mean.mean().item()
        for planner in (MPPI(4000, 1, 2, 1.0, 0.3), MPPI(4000, 1, 2, 1.0, 0.3, control_cost=1.0))
    ]
    assert plans[0] == pytest.approx(0.2, abs=0.02)
    assert plans[1] == pytest.approx(0.0, abs=0.03)  # exp(-u e / sigma^2) N(e; 0, sigma^2) is N(e; -u, sigma^2)


def test_the_plan_is_a_mean_over_what_was_asked():
    planner = MPPI(100, 3, 4, exponent=2.0)
    plan = planner.plan(bowl(torch.full((4, 1), 9.0)), Plan(*[torch.zeros(1, 4, 1)] * 2, torch.ones(1, 4, 1)), seeded())
    assert 0.5 < plan.mean.mean() <= 1
    assert torch.equal(plan.std, torch.ones(1, 4, 1))
