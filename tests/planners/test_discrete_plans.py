"""Random shooting and CEM over one-hot actions, against enumeration and by hand."""

from itertools import product

import pytest
import torch
from torch.nn.functional import one_hot
from worlds import Counter

from fulgurite.agents.mpc import MPC
from fulgurite.data.play import following, started
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.icem import ICEM
from fulgurite.planners.objective import Objective
from fulgurite.planners.planner import Plan
from fulgurite.planners.random_shooting import RandomShooting
from fulgurite.planners.search_distribution import Categorical

H, A = 4, 3
PAIRS = torch.randn(H - 1, A, A, generator=torch.Generator().manual_seed(3))  # what each pair of actions in a row earns
START = torch.zeros(2, H, A)


def chain(actions):
    """Earns by pairs, so that no action can be chosen alone: `[B, N, H, A]` -> `[B, N]`."""
    return torch.einsum("bnta,tac,bntc->bn", actions[:, :, :-1], PAIRS, actions[:, :, 1:])


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    "planner", [CEM(200, 20, 6, H, discrete_actions=True), RandomShooting(2000, H, discrete_actions=True)]
)
def test_the_best_of_all_plans_is_found(planner):
    every = one_hot(torch.tensor(list(product(range(A), repeat=H))), A).float()[None]  # [1, A^H, H, A]
    optimum = chain(every).max()
    plan = planner.plan(chain, planner.prior(START), seeded())
    torch.testing.assert_close(chain(plan.actions[:, None]), optimum.expand(2, 1))
    assert plan.actions.unique().tolist() == [0, 1]
    torch.testing.assert_close(plan.mean.sum(-1), torch.ones(2, H))


def test_only_one_hot_plans_are_asked_for_and_as_often_as_is_likely():
    p = torch.tensor([[[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]])  # [B, H, A]
    actions = Categorical(0.0, 0.0).sample(Plan(p, p, p), 20_000, seeded())
    assert (actions.sum(-1) == 1).all()
    assert (actions[:, 1:].mean(1) - p).abs().max() < 0.01
    assert actions[0, :, 1, 0].sum() == 0  # what is impossible does not happen
    assert actions[0, 0].argmax(-1).tolist() == [0, 1]


def test_one_refit_by_hand():
    """Half of the old, half of the elites' frequencies, and a tenth of the result uniform."""
    old = torch.tensor([[[0.2, 0.8]]])
    elites = torch.tensor([[[[1.0, 0.0]], [[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]]])  # [B, K, H, A]
    plan = Categorical(1.0, 0.1).refit(Plan(old, old, old), elites, 0.5)
    p = 0.5 * 0.2 + 0.5 * 0.75
    assert plan.mean[0, 0].tolist() == pytest.approx([0.9 * p + 0.05, 0.9 * (1 - p) + 0.05])
    assert plan.actions[0, 0].tolist() == [0, 1]


def test_nothing_known_is_uniform_and_the_last_plan_is_mixed_in():
    start = Categorical(0.4, 0.0).start(Plan(*[torch.tensor([[[0.0, 0.0], [1.0, 0.0]]])] * 3)).mean
    torch.testing.assert_close(start, torch.tensor([[[0.5, 0.5], [0.8, 0.2]]]))


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_what_is_not_finite_never_wins(value):
    def objective(actions):
        return torch.where(actions[..., 0, 0] > 0, value, actions[..., 0, 1])

    for planner in (CEM(50, 5, 4, 1, discrete_actions=True), RandomShooting(50, 1, discrete_actions=True)):
        plan = planner.plan(objective, planner.prior(torch.zeros(1, 1, 3)), seeded())
        assert plan.actions[0, 0].tolist() == [0, 1, 0]


def test_the_agent_acts_one_hot_and_carries_probabilities():
    """Going left earns, the state being what was summed: actions are steps of -1, 0 and 1."""
    moves = torch.tensor([-1.0, 0.0, 1.0])

    class Walk(Counter):
        def step(self, state, action, theta, noise):
            return state + (action * moves).sum(-1, keepdim=True)

    world = WorldModel(Walk(), lambda s, a, n: -n[..., 0])
    planner = CEM(60, 6, 4, 3, discrete_actions=True)
    agent = MPC(world, planner, 3, Objective(particles=1), discrete_actions=True)
    td = started(agent, 2)
    for _ in range(2):
        td["observation"] = torch.zeros(2, 1)
        td = agent(td)
        assert td["action"].tolist() == [[1, 0, 0]] * 2
        torch.testing.assert_close(td["next", "plan"].sum(-1), torch.ones(2, 3))
        td = following(td, agent)


def test_a_planner_of_the_other_kind_is_refused():
    world = WorldModel(Counter(), lambda s, a, n: n[..., 0])
    with pytest.raises(ValueError, match=r"need one for actions one-hot, got ICEM for in \[-1, 1\]"):
        MPC(world, ICEM(), 3, discrete_actions=True)
