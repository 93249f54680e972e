import pytest
import torch
from worlds import bowl

from fulgurite.planners.cem import CEM
from fulgurite.planners.gradient import GradientPlanner
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.planner import Plan, shift
from fulgurite.planners.random_shooting import RandomShooting

TARGET = torch.tensor([[0.3, -0.8], [-0.5, 0.1], [0.9, 0.0]])  # [H, A]
START = torch.zeros(2, 3, 2)  # [B, H, A]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(
    "planner",
    [
        CEM(candidates=300, elites=30, iterations=12, horizon=3, min_std=1e-3),
        ICEM(candidates=300, elites=20, iterations=12, horizon=3, exponent=0.5, decay=1.0),
        MPPI(candidates=3000, iterations=10, horizon=3, temperature=0.02, initial_std=0.1),
        GradientPlanner(restarts=2, iterations=60, horizon=3, learning_rate=0.1),
        GradientPlanner(restarts=2, iterations=40, horizon=3, learning_rate=0.1, start=ICEM(horizon=3)),
    ],
    ids=lambda planner: type(planner).__name__,
)
def test_the_bottom_of_a_bowl_is_found(planner):
    plan = planner.plan(bowl(TARGET), planner.prior(START), seeded())
    assert plan.actions.shape == (2, 3, 2)
    assert (plan.actions - TARGET).abs().max() < 0.02


def test_random_shooting_is_as_good_as_its_samples_should_be():
    """In one dimension the best of N normal samples misses the target by an exponential of mean 1 / (2 N f(target))."""
    planner = RandomShooting(candidates=1000, horizon=1, initial_std=1.0)
    density = torch.distributions.Normal(0.0, 1.0).log_prob(torch.tensor(0.5)).exp()
    plan = planner.plan(bowl(torch.tensor([[0.5]])), planner.prior(torch.zeros(400, 1, 1)), seeded())
    miss = (plan.actions - 0.5).abs().mean()
    assert miss == pytest.approx(1 / (2 * 1000 * density.item()), rel=0.2)


def test_each_state_gets_its_own_plan():
    targets = torch.tensor([[[0.5]], [[-0.5]]])  # [B, H, A]
    planner = CEM(candidates=200, elites=20, iterations=8, horizon=1, min_std=1e-3)
    plan = planner.plan(bowl(targets[:, None]), planner.prior(torch.zeros(2, 1, 1)), seeded())
    assert (plan.actions - targets).abs().max() < 0.02


@pytest.mark.parametrize(
    "planner", [CEM(50, 5, 4, 3), RandomShooting(50, 3), ICEM(50, 5, 4, 3), MPPI(50, 4, 3), GradientPlanner(4, 9, 3)]
)
def test_bounds_are_obeyed(planner):
    plan = planner.plan(bowl(torch.full((3, 2), 5.0)), planner.prior(START), seeded())
    assert plan.actions.abs().max() <= 1
    assert plan.actions.mean() > 0.6


@pytest.mark.parametrize("worst", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize(
    "planner",
    [
        CEM(200, 20, 6, 1, min_std=1e-3), RandomShooting(200, 1), ICEM(200, 20, 6, 1),
        MPPI(2000, 4, 1, temperature=0.002, initial_std=0.3), GradientPlanner(20, 30, 1),
    ],
)  # fmt: skip
def test_what_is_not_a_number_never_wins(planner, worst):
    """The bowl's bottom is at -0.5; beyond 0.2 the model explodes, which must not look like a good return."""

    def objective(actions):
        returns = bowl(torch.tensor([[-0.5]]))(actions)
        return torch.where(actions[..., 0, 0] > 0.2, worst, returns)

    plan = planner.plan(objective, planner.prior(torch.zeros(1, 1, 1)), seeded())
    assert plan.actions.item() == pytest.approx(-0.5, abs=0.05)


@pytest.mark.parametrize("planner", [CEM(20, 4, 3, 2), ICEM(20, 4, 3, 2), MPPI(20, 3, 2), GradientPlanner(4, 3, 2)])
def test_a_model_that_is_all_nan_still_gives_an_action_within_bounds(planner):
    plan = planner.plan(lambda a: a.sum((2, 3)) * torch.nan, planner.prior(torch.zeros(1, 2, 1)), seeded())
    assert plan.actions.isfinite().all()
    assert plan.actions.abs().max() <= 1


def test_one_refit_by_hand():
    """With K = 1 and alpha = 0 the mean becomes the best candidate and the deviation the least allowed."""
    planner = CEM(candidates=5, elites=1, iterations=1, horizon=1, alpha=0.0, min_std=0.25)
    seen = []

    def objective(actions):
        seen.append(actions)
        return actions[..., 0, 0]

    plan = planner.plan(objective, planner.prior(torch.zeros(1, 1, 1)), seeded())
    assert plan.mean.item() == seen[0].max().item()
    assert plan.std.item() == 0.25
    assert seen[0][0, 0].item() == 0.0  # the prior's mean is a candidate


def test_alpha_keeps_its_share_of_the_old():
    planner = CEM(candidates=3, elites=3, iterations=1, horizon=1, alpha=0.75, initial_std=0.4, min_std=0.0)
    seen = []
    plan = planner.plan(lambda a: seen.append(a) or a[..., 0, 0], planner.prior(torch.full((1, 1, 1), 0.2)), seeded())
    assert plan.mean.item() == pytest.approx(0.75 * 0.2 + 0.25 * seen[0].mean().item(), abs=1e-6)
    assert plan.std.item() == pytest.approx(0.75 * 0.4 + 0.25 * seen[0].std(unbiased=False).item(), abs=1e-6)


def test_the_prior_is_never_made_worse_by_random_shooting():
    planner = RandomShooting(candidates=1, horizon=3)
    prior = Plan(TARGET[None], TARGET[None], torch.ones(1, 3, 2))
    assert torch.equal(planner.plan(bowl(TARGET), prior, seeded()).actions, TARGET[None])


def test_shift():
    assert shift(torch.tensor([[[1.0], [2.0], [3.0]]]))[0, :, 0].tolist() == [2, 3, 3]
    assert shift(torch.tensor([[[[1.0], [2.0]], [[3.0], [4.0]]]]))[0, :, :, 0].tolist() == [[2, 2], [4, 4]]


@pytest.mark.parametrize("planner", [CEM(30, 3, 2, 3), ICEM(30, 3, 2, 3), MPPI(30, 2, 3), GradientPlanner(3, 3, 3)])
def test_the_same_generator_gives_the_same_plan(planner):
    plans = [planner.plan(bowl(TARGET), planner.prior(START), seeded(7)).actions for _ in range(2)]
    assert torch.equal(*plans)


@pytest.mark.parametrize(
    ("planner", "arguments", "message"),
    [
        (ICEM, {"elites": 64, "candidates": 32}, "need 1 <= elites <= candidates, got 64 and 32"),
        (ICEM, {"kept_share": 2.0}, "need 0 <= kept_share <= 1 and decay >= 1, got 2.0 and 1.25"),
        (MPPI, {"temperature": 0.0}, "iterations >= 1 and temperature > 0, got 500, 1 and 0.0"),
        (GradientPlanner, {"iterations": 0}, "iterations >= 1 and learning_rate > 0, got 16, 0 and 0.2"),
        (GradientPlanner, {"start": CEM(horizon=9)}, "continuous actions with horizon 20, got 9"),
        (CEM, {"elites": 64, "candidates": 32}, "need 1 <= elites <= candidates, got 64 and 32"),
        (CEM, {"horizon": 0}, "need horizon >= 1 and initial_std > 0, got 0 and 0.5"),
        (CEM, {"alpha": 1.0}, "need iterations >= 1 and 0 <= alpha < 1, got 5 and 1.0"),
    ],
)
def test_wrong_numbers(planner, arguments, message):
    with pytest.raises(ValueError, match=message):
        planner(**arguments)
