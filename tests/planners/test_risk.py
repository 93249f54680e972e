"""Caution and curiosity, on numbers worked by hand."""

import pytest
import torch
from worlds import Drift, ends_above, state_is_reward

from fulgurite.agents.mpc import MPC
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.disagreement import Disagreement
from fulgurite.planners.objective import Objective
from fulgurite.planners.risk import CVaR, LowerConfidenceBound

RETURNS = torch.tensor([4.0, 2.0, 10.0, 8.0])[:, None, None]  # [P, B, N], mean 6, variance (4 + 16 + 16 + 4) / 4 = 10
NOTHING = torch.zeros(1, 1, 2, 1)  # a plan of two steps


@pytest.mark.parametrize("kappa", [0.0, 1.5, -1.0])
def test_lower_confidence_bound(kappa):
    assert LowerConfidenceBound(kappa)(RETURNS).item() == pytest.approx(6 - kappa * 10**0.5)


@pytest.mark.parametrize(
    ("alpha", "value"),
    [(1.0, 6.0), (0.5, 3.0), (0.25, 2.0), (0.01, 2.0), (0.375, (2 + 0.5 * 4) / 1.5), (0.7, (2 + 4 + 0.8 * 8) / 2.8)],
)
def test_conditional_value_at_risk(alpha, value):
    """The worst are 2, 4, 8, 10; a share that ends within a particle counts that part of it."""
    assert CVaR(alpha)(RETURNS).item() == pytest.approx(value)


def test_each_plan_has_its_own_worst_particles():
    returns = torch.tensor([[[1.0, 5.0]], [[3.0, 0.0]]])  # [P = 2, B = 1, N = 2]
    assert CVaR(0.5)(returns).tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("risk", [LowerConfidenceBound(2.0), CVaR(0.3)])
def test_certainty_needs_no_caution_and_has_a_slope(risk):
    returns = torch.full((5, 1, 1), 3.0, requires_grad=True)
    value = risk(returns)
    value.sum().backward()
    assert value.item() == pytest.approx(3.0, abs=1e-5)
    assert returns.grad.isfinite().all()
    assert returns.grad.sum().item() == pytest.approx(1.0)


def test_the_objective_asks_its_risk():
    """Drifts 0 and 2 give returns 0 and 2 + 4 over two steps: mean 3, deviation 3."""
    world = WorldModel(Drift(torch.tensor([0.0, 2.0])), state_is_reward)
    value = {
        name: Objective(4, risk=risk).bind(world, torch.zeros(1, 1), 2)(NOTHING).item()
        for name, risk in {"mean": None, "bound": LowerConfidenceBound(0.5), "worst": CVaR(0.5)}.items()
    }
    assert value == {"mean": 3, "bound": pytest.approx(1.5), "worst": 0}


def test_disagreement_by_hand():
    """Drifts 0, 2 and 4: the means of the next state differ by sqrt(8 / 3) everywhere; two steps of it."""
    world = WorldModel(Drift(torch.tensor([0.0, 2.0, 4.0]), sigma=5.0), lambda s, a, n: torch.zeros_like(n[..., 0]))
    found = {
        weight: Objective(3, disagreement=Disagreement(weight, draws=3, scale=[4.0]))
        .bind(world, torch.zeros(1, 1), 2)(NOTHING)
        .item()
        for weight in (-1.0, 0.5)
    }
    one = (8 / 3) ** 0.5 / 4
    assert found == {-1.0: pytest.approx(-2 * one), 0.5: pytest.approx(one)}


def test_disagreement_after_the_end_does_not_count():
    world = WorldModel(Drift(torch.tensor([1.0, 3.0])), lambda s, a, n: torch.zeros_like(n[..., 0]), ends_above(0))
    objective = Objective(2, disagreement=Disagreement(1.0, draws=2)).bind(world, torch.zeros(1, 1), 5)
    assert objective(torch.zeros(1, 1, 5, 1)).item() == pytest.approx(1.0)


def test_an_ensemble_disagrees_where_its_members_do():
    torch.manual_seed(0)
    dynamics = GaussianDynamics(2, 1, members=3, hidden=(8,))
    bonus = Disagreement(1.0, draws=3).bind(WorldModel(dynamics, state_is_reward), torch.zeros(1, 2), None)
    state, action = torch.randn(4, 3, 1, 5, 2), torch.randn(4, 3, 1, 5, 1)  # [T, P, B, N, .]
    theta = dynamics.sample_parameters(3)
    means = dynamics.predict(state.expand(3, *state.shape), action.expand(3, *action.shape), theta).mean
    torch.testing.assert_close(bonus(state, action), means.std(0, unbiased=False).mean(-1))


def test_a_promise_is_a_mean_without_caution():
    world = WorldModel(Drift(torch.tensor([0.0, 2.0])), state_is_reward)
    objective = Objective(2, risk=CVaR(0.5), disagreement=Disagreement(-3.0, draws=2))
    agent = MPC(world, CEM(8, 2, 1, 2), 1, objective)
    assert agent.promised_return(torch.zeros(1, 1), torch.zeros(1, 2, 1)).item() == 3


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: CVaR(0.0), "need 0 < alpha <= 1, got 0.0"),
        (lambda: Disagreement(1.0, draws=1), "draws: need at least 2, got 1"),
        (lambda: Objective(1, risk=CVaR()), "need at least 1, and 2 for a risk, got 1"),
    ],
)
def test_wrong_numbers(build, message):
    with pytest.raises(ValueError, match=message):
        build()
