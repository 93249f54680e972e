"""Rollouts whose every number is known: counters, drifting members, a limit that ends them."""

import pytest
import torch
from worlds import Counter, Drift, ends_above, state_is_reward

from fulgurite.imagination import TS1, Expectation, TSInfinity, imagine
from fulgurite.models.world_model import WorldModel

ZERO = torch.zeros(1, 1)


def test_a_counter():
    world = WorldModel(Counter(), state_is_reward)
    actions = torch.tensor([[[1.0], [2.0], [3.0]]])
    imagined = imagine(world, ZERO, actions, propagation=TSInfinity(), particles=2)
    assert imagined.batch_size == (2, 1, 3)
    assert imagined["state"][0, 0, :, 0].tolist() == [0, 1, 3]
    assert imagined["next", "state"][1, 0, :, 0].tolist() == [1, 3, 6]
    assert imagined["next", "reward"][1, 0, :, 0].tolist() == [1, 3, 6]
    assert torch.equal(imagined["action"][1], actions)
    assert (imagined["alive"] == 1).all()


def test_alive_is_the_probability_of_getting_there():
    half = WorldModel(Counter(), state_is_reward, lambda next_state: 0.5 * (next_state[..., 0] >= 2).float())
    imagined = imagine(half, ZERO, torch.ones(1, 4, 1), propagation=TSInfinity(), particles=1)
    assert imagined["alive"][0, 0, :, 0].tolist() == [1, 1, 0.5, 0.25]
    ends = WorldModel(Counter(), state_is_reward, ends_above(2))
    imagined = imagine(ends, ZERO, torch.ones(1, 5, 1), propagation=TSInfinity(), particles=1)
    assert imagined["alive"][0, 0, :, 0].tolist() == [1, 1, 1, 0, 0]


DRIFTS = torch.tensor([-1.0, 0.0, 3.0])  # of three members
H, P = 40, 3000


def final_states(propagation, sigma=0.0):
    world = WorldModel(Drift(DRIFTS, sigma), state_is_reward)
    imagined = imagine(
        world, ZERO, torch.zeros(1, H, 1), propagation=propagation, particles=P,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    return imagined["next", "state"][:, 0, :, 0]  # [P, H]


def test_ts_infinity_keeps_its_member():
    """Every particle drifts on at its member's rate: the spread grows with H, and every member has its third."""
    states = final_states(TSInfinity())
    assert states[:, -1].unique().tolist() == (H * DRIFTS).tolist()
    assert [(states[:, -1] == H * drift).sum().item() for drift in DRIFTS] == [P / 3] * 3


def test_ts_1_redraws_its_member():
    """A sum of H independent draws: mean H mu, variance H var; each member is drawn equally often at every step."""
    states = final_states(TS1())
    mu, var = DRIFTS.mean(), DRIFTS.var(unbiased=False)
    error = (var * H / P).sqrt()
    assert (states[:, -1].mean() - H * mu).abs() < 4 * error
    assert states[:, -1].var() == pytest.approx(H * var.item(), rel=0.12)
    increments = states.diff(dim=1)
    assert all((increments == drift).float().mean(0).allclose(torch.tensor(1 / 3)) for drift in DRIFTS)
    first, second = increments[:, 0] - mu, increments[:, 1] - mu
    assert (first * second).mean().abs() < 4 * var / P**0.5


def test_expectation_follows_the_mean():
    states = final_states(Expectation(), sigma=5.0)
    torch.testing.assert_close(states, (DRIFTS.mean() * torch.arange(1, H + 1)).expand(P, H))


def test_noise_is_standard_and_independent_in_time():
    world = WorldModel(Drift(torch.zeros(1), 2.0), state_is_reward)
    imagined = imagine(
        world, ZERO, torch.zeros(1, 2, 1), propagation=TSInfinity(), particles=20_000,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    steps = imagined["next", "state"][:, 0, :, 0].diff(dim=1, prepend=torch.zeros(20_000, 1))
    assert steps.std(0) == pytest.approx(torch.full((2,), 2.0), rel=0.03)
    assert steps.T.corrcoef()[0, 1].abs() < 0.03


@pytest.mark.parametrize("propagation", [TSInfinity(), TS1()])
def test_the_same_generator_gives_the_same_rollout(propagation):
    assert torch.equal(final_states(propagation, 1.0), final_states(propagation, 1.0))
