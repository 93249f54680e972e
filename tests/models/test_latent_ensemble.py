"""An ensemble as the prior over latent states."""

import pytest
import torch

from fulgurite.models.latent import GaussianLatent
from fulgurite.models.latent_ensemble import LatentEnsemble


@pytest.fixture
def dynamics() -> LatentEnsemble:
    torch.manual_seed(0)
    return LatentEnsemble(2, GaussianLatent(3), members=4, hidden=[8])


def of_every_member(dynamics: LatentEnsemble, state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    E = dynamics.members
    theta = dynamics.sample_parameters(E)
    hidden = dynamics.advance(state.expand(E, *state.shape), action.expand(E, *action.shape), theta)
    return dynamics.prior(hidden, theta)


def test_the_prior_of_every_member_is_its_networks(dynamics: LatentEnsemble) -> None:
    z, action = torch.randn(5, 6, 3), torch.randn(5, 6, 2)
    statistics = of_every_member(dynamics, z, action)
    assert statistics.shape == (4, 5, 6, 6)
    rows = torch.cat([z, action], -1).view(1, 30, 5)
    raw = dynamics.network(rows)[2].view(5, 6, 6)
    torch.testing.assert_close(statistics[2, ..., :3], z + raw[..., :3])
    torch.testing.assert_close(statistics[2, ..., 3:], torch.nn.functional.softplus(raw[..., 3:]) + 0.1)


def test_a_particle_keeps_its_member_for_a_whole_rollout(dynamics: LatentEnsemble) -> None:
    theta = dynamics.sample_parameters(8)
    z, action = torch.randn(3).expand(8, 5, 3), torch.randn(2).expand(8, 5, 2)
    means = dynamics.step(z, action, theta, None)
    of_members = of_every_member(dynamics, z[0], action[0])[..., :3]
    torch.testing.assert_close(means, of_members.repeat_interleave(2, 0))


def test_members_are_dealt_as_evenly_as_can_be(dynamics: LatentEnsemble) -> None:
    theta = dynamics.sample_parameters(6, torch.Generator().manual_seed(0))
    weights = dynamics.network.layers()[0][0]
    counts = [sum(bool((drawn == member).all()) for drawn in theta[0][0]) for member in weights]
    assert sorted(counts) == [1, 1, 2, 2]


def test_a_step_is_the_prior_with_its_noise(dynamics: LatentEnsemble) -> None:
    theta = dynamics.sample_parameters(4)
    z, action, noise = torch.randn(4, 5, 3), torch.randn(4, 5, 2), torch.randn(4, 5, 3)
    distribution = dynamics.predict(z, action, theta)
    expected = distribution.mean + noise * distribution.stddev
    torch.testing.assert_close(dynamics.step(z, action, theta, noise), expected)


def test_one_member(dynamics: LatentEnsemble) -> None:
    single = LatentEnsemble(2, GaussianLatent(3), members=1)
    z, action = torch.randn(4, 5, 3), torch.randn(4, 5, 2)
    stepped = single.step(z, action, single.sample_parameters(4), None)
    torch.testing.assert_close(stepped, of_every_member(single, z, action)[0, ..., :3])


def test_no_members() -> None:
    with pytest.raises(ValueError, match="members: need at least 1, got 0"):
        LatentEnsemble(2, members=0)
