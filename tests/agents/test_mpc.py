"""Model-predictive control against the Riccati equation, and what it carries from step to step."""

import pytest
import torch
from scipy.linalg import solve_discrete_are
from tensordict import TensorDict
from worlds import Counter, Linear, state_is_reward

from fulgurite.agents.mpc import MPC
from fulgurite.agents.random import RandomAgent
from fulgurite.data.play import following, started
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.gradient import GradientPlanner
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.objective import Objective
from fulgurite.planners.planner import Plan, Planner

A = torch.tensor([[0.9, 0.4], [-0.2, 0.8]])  # a damped oscillator: ten steps see nearly all of the cost
B = torch.tensor([[0.0], [0.5]])
Q, R = torch.diag(torch.tensor([1.0, 0.5])), 0.5


def quadratic(state, action, next_state):
    return -(state @ Q * state).sum(-1) - R * action.square().sum(-1)


@pytest.mark.parametrize(
    "planner",
    [
        CEM(candidates=400, elites=80, iterations=12, horizon=10, alpha=0.0, initial_std=0.3, min_std=1e-3),
        ICEM(candidates=200, elites=40, iterations=10, horizon=10, exponent=0.5, alpha=0.0, initial_std=0.3),
        MPPI(candidates=1000, iterations=4, horizon=10, temperature=0.005, initial_std=0.1),
        GradientPlanner(restarts=2, iterations=40, horizon=10, learning_rate=0.03),
    ],
    ids=lambda planner: type(planner).__name__,
)
def test_within_two_percent_of_the_riccati_cost(planner):
    """Starts are so small that the bounds do not bind; then x' P x is the least cost of any controller."""
    P = torch.tensor(solve_discrete_are(A.numpy(), B.numpy(), Q.numpy(), [[R]]), dtype=torch.float32)
    world = WorldModel(Linear(A, B), quadratic)
    agent = MPC(world, planner, 1, Objective(particles=1))
    state = torch.tensor([[0.8, 0.0], [-0.5, 0.4], [0.3, -0.6]])
    optimal = (state @ P * state).sum(-1)
    td, cost = started(agent, 3), torch.zeros(3)
    for _ in range(40):
        td["observation"] = state
        td = agent(td)
        cost -= quadratic(state, td["action"], None)
        state = world.dynamics.step(state, td["action"], None, None)
        td = following(td, agent)
    assert (cost >= optimal * 0.999).all()  # nothing beats the optimum
    assert (cost <= optimal * 1.02).all(), (cost / optimal).tolist()


class Recorder(Planner):
    """Plans 1, 2, 3 after the prior's first action, and remembers the prior."""

    def __init__(self) -> None:
        super().__init__(horizon=3, initial_std=0.5)
        self.priors = []

    def plan(self, objective, prior, generator=None):
        self.priors.append(prior)
        mean = torch.tensor([0.1, 0.2, 0.3]).view(1, 3, 1).expand_as(prior.mean).clone()
        return Plan(mean, mean, prior.std)


def test_the_plan_is_carried_shifted_and_starts_afresh():
    planner = Recorder()
    agent = MPC(WorldModel(Counter(), state_is_reward), planner, 1, Objective(particles=1))
    td = started(agent, 2)
    td["observation"] = torch.zeros(2, 1)
    td = agent(td)
    assert td["action"][:, 0].tolist() == pytest.approx([0.1, 0.1])
    td = following(td, agent)
    td["observation"] = torch.zeros(2, 1)
    td["is_init"] = torch.tensor([[False], [True]])
    agent(td)
    assert planner.priors[1].mean[0, :, 0].tolist() == pytest.approx([0.2, 0.3, 0.3])
    assert planner.priors[1].mean[1, :, 0].tolist() == [0, 0, 0]
    assert planner.priors[1].std.unique().item() == 0.5


def test_kept_plans_are_carried_shifted_and_start_afresh():
    """The counter's best plan is 1, 1, 1 whatever happens; a new episode has the zero plan in the place of each."""
    asked = []

    class Watched(Planner):
        def __init__(self) -> None:
            super().__init__(horizon=3, initial_std=0.5, kept=2)

        def plan(self, objective, prior, generator=None):
            asked.append(prior.kept)
            kept = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]).view(1, 2, 3, 1).expand_as(prior.kept)
            return Plan(prior.mean, prior.mean, prior.std, kept)

    agent = MPC(WorldModel(Counter(), state_is_reward), Watched(), 1, Objective(particles=1))
    td = started(agent, 2)
    td["observation"] = torch.zeros(2, 1)
    td = following(agent(td), agent)
    td["observation"] = torch.zeros(2, 1)
    td["is_init"] = torch.tensor([[False], [True]])
    agent(td)
    assert asked[0].abs().max() == 0
    assert asked[1][0, :, :, 0].flatten().tolist() == pytest.approx([0.2, 0.3, 0.3, 0.5, 0.6, 0.6])
    assert asked[1][1].abs().max() == 0


def test_the_promise_is_the_models_return():
    agent = MPC(WorldModel(Counter(), state_is_reward), Recorder(), 1, Objective(particles=2))
    promised = agent.promised_return(torch.tensor([[0.0], [1.0]]), torch.ones(2, 3, 1))
    assert promised.tolist() == [1 + 2 + 3, 2 + 3 + 4]


def test_an_evaluation_does_not_disturb_the_agents_chance():
    agent = RandomAgent(2)
    td = TensorDict({"observation": torch.zeros(4, 3)}, [4])
    before = agent.generator.get_state()
    with agent.seeded(5):
        first = agent(td.clone())["action"]
    with agent.seeded(5):
        again = agent(td.clone())["action"]
    assert torch.equal(first, again)
    assert torch.equal(agent.generator.get_state(), before)
    assert agent(td)["action"].abs().max() <= 1


def test_precision_is_checked():
    with pytest.raises(ValueError, match="need float32 or bfloat16, got 'half'"):
        MPC(WorldModel(Counter(), state_is_reward), Recorder(), 1, precision="half")


def acted(agent, td, fresh):
    td["observation"] = torch.zeros(2, 1)
    td["is_init"] = torch.tensor(fresh)[:, None]
    td = agent(td)
    return [round(action, 4) for action in td["action"][:, 0].tolist()], following(td, agent)


@pytest.mark.parametrize(("every", "plans"), [(2, [2, 1, 1, 1]), (3, [2, 1, 1])])
def test_a_plan_is_executed_for_several_steps_in_each_environment_by_its_own_clock(every, plans):
    planner = Recorder()
    agent = MPC(WorldModel(Counter(), state_is_reward), planner, 1, Objective(particles=1), replan_every=every)
    td, seen = started(agent, 2), []
    for step in range(6):
        action, td = acted(agent, td, [step == 0, step in (0, 1)])  # the second episode ends after a step
        seen.append(action)
    first = [0.1, 0.2, 0.3][:every]
    assert [row[0] for row in seen] == (first * 3)[:6]
    assert [row[1] for row in seen] == ([0.1, *first * 3])[:6]
    assert [len(prior.mean) for prior in planner.priors][: len(plans)] == plans


def test_a_new_plan_starts_from_the_rest_of_the_last_one():
    planner = Recorder()
    agent = MPC(WorldModel(Counter(), state_is_reward), planner, 1, Objective(particles=1), replan_every=2)
    td = started(agent, 2)
    for step in range(3):
        _, td = acted(agent, td, [step == 0] * 2)
    assert planner.priors[1].mean[0, :, 0].tolist() == pytest.approx([0.3, 0.3, 0.3])


@pytest.mark.parametrize("every", [0, 4])
def test_a_plan_cannot_be_executed_beyond_its_end(every):
    with pytest.raises(ValueError, match=f"replan_every: need 1 to the horizon, 3, got {every}"):
        MPC(WorldModel(Counter(), state_is_reward), Recorder(), 1, replan_every=every)
