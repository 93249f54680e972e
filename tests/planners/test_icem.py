"""What iCEM adds to CEM, each part alone."""

import torch
from worlds import bowl

from fulgurite.planners.icem import ICEM

TARGET = torch.full((3, 1), 0.4)
START = torch.zeros(2, 3, 1)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


class Asked:
    """A bowl that remembers what it was asked."""

    def __init__(self) -> None:
        self.actions, self.returns = [], []

    def __call__(self, actions):
        self.actions.append(actions)
        self.returns.append(bowl(TARGET)(actions))
        return self.returns[-1]


def test_the_population_decays_and_stays_above_twice_the_elites():
    assert ICEM(100, 10, 5, decay=2.0).sizes == [100, 50, 25, 20, 20]
    assert ICEM(12, 10, 2, decay=2.0).sizes == [12, 12]


def test_the_best_plan_ever_seen_is_executed():
    planner, asked = ICEM(20, 4, 4, 3), Asked()
    plan = planner.plan(asked, planner.prior(START), seeded())
    best = torch.cat(asked.returns, 1).amax(1)  # [B]
    torch.testing.assert_close(bowl(TARGET)(plan.actions[:, None])[:, 0], best)
    torch.testing.assert_close(plan.kept[:, 0], plan.actions)


def test_kept_elites_are_the_best_of_the_last_iteration_and_not_asked_for_again():
    planner, asked = ICEM(20, 4, 3, 3, kept_share=0.5, decay=1.0), Asked()
    plan = planner.plan(asked, planner.prior(START), seeded())
    assert [actions.shape[1] for actions in asked.actions] == [20, 20, 20]
    everything, returns = torch.cat(asked.actions, 1), torch.cat(asked.returns, 1)
    first, second = returns.topk(2, 1).indices.unbind(1)
    rows = torch.arange(2)
    torch.testing.assert_close(plan.kept, torch.stack([everything[rows, first], everything[rows, second]], 1))


def test_plans_kept_from_the_last_step_are_tried_first():
    planner, asked = ICEM(20, 4, 2, 3, decay=1.0), Asked()
    kept = TARGET.expand(2, planner.kept, 3, 1)
    plan = planner.plan(asked, planner.prior(START, kept), seeded())
    assert [actions.shape[1] for actions in asked.actions] == [20 + planner.kept, 20]
    assert torch.equal(asked.actions[0][:, : planner.kept], kept)
    assert torch.equal(plan.actions, kept[:, 0])  # nothing is better


def test_the_mean_is_tried_in_the_last_iteration_only():
    planner, asked = ICEM(20, 4, 2, 3, alpha=0.0, decay=1.0, kept_share=0.0), Asked()
    planner.plan(asked, planner.prior(START), seeded())
    assert not (asked.actions[0] == 0).all((2, 3)).any()
    elites = asked.actions[0].gather(1, asked.returns[0].topk(4, 1).indices[..., None, None].expand(-1, -1, 3, 1))
    torch.testing.assert_close(asked.actions[1][:, 0], elites.mean(1))


def test_nothing_is_kept_where_nothing_is_asked_to_be():
    planner = ICEM(20, 4, 3, 3, kept_share=0.0)
    assert planner.kept == 0
    assert planner.plan(Asked(), planner.prior(START), seeded()).kept.shape == (2, 0, 3, 1)


def test_red_noise_finds_a_far_plan_that_white_noise_does_not():
    """The best of few plans that all lean one way, as a swing-up needs."""
    far = bowl(torch.full((30, 1), 1.0))
    white, red = (
        far(planner.plan(far, planner.prior(torch.zeros(8, 30, 1)), seeded()).actions[:, None]).mean()
        for planner in (ICEM(40, 10, 3, 30, exponent=0.0), ICEM(40, 10, 3, 30, exponent=2.0))
    )
    assert red > white / 2  # less than half as far from the target
