"""The single-step posterior, frame by frame and all frames at once."""

from typing import Any

import pytest
import torch
from torch import Tensor

from fulgurite.models.latent import CategoricalLatent, GaussianLatent, Latent
from fulgurite.models.latent_dynamics import LatentDynamics
from fulgurite.models.single_step import SingleStep

B, L, F, A = 4, 6, 5, 2


class Affine(LatentDynamics):
    """The statistics are a linear map of state and action, those of the first frame are their own."""

    def __init__(self, latent: Latent, members: int = 1, deterministic_size: int = 0) -> None:
        super().__init__(latent, deterministic_size)
        self.members = members
        self.weight = torch.nn.Parameter(torch.randn(members, latent.size + A, latent.statistics))
        self.opening = torch.nn.Parameter(torch.randn(latent.statistics))

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Any:
        return self.weight

    def advance(self, state: Tensor, action: Tensor, theta: Any) -> Tensor:
        return torch.einsum("e...i,eij->e...j", torch.cat([state, action], -1), theta)

    def prior(self, hidden: Tensor, theta: Any) -> Tensor:
        return self.latent.read(hidden)

    def first(self, like: Tensor) -> Tensor:
        return self.latent.read(self.opening)


def frames() -> tuple[Tensor, Tensor, Tensor]:
    """Features, the actions before, and beginnings within the second sequence and at the start of the third."""
    is_init = torch.zeros(B, L, 1, dtype=torch.bool)
    is_init[1, 3] = is_init[2, 0] = True
    return torch.randn(B, L, F), torch.randn(B, L, A) * ~is_init, is_init


@pytest.mark.parametrize("latent", [GaussianLatent(3), CategoricalLatent(2, 3)], ids=lambda one: type(one).__name__)
def test_all_frames_at_once_are_the_frames_one_by_one(latent: Latent) -> None:
    torch.manual_seed(0)
    dynamics = Affine(latent)
    posterior = SingleStep(hidden=(8,)).build(F, A, dynamics)
    (features, action, is_init), noise = frames(), torch.randn(B, L, latent.size)
    inferred = posterior.infer(dynamics, features, action, is_init, noise)
    for b in range(B):
        memory = torch.zeros(1, posterior.memory_size)
        for t in range(L):
            here = (slice(b, b + 1), t)
            filtered = posterior.filter(dynamics, memory, action[here], features[here], is_init[here], noise[here])
            memory = filtered.memory
            torch.testing.assert_close(inferred.state[here], filtered.state)
            torch.testing.assert_close(inferred.posterior[here], filtered.statistics)
            expected = dynamics.first(features)[None]
            if t and not is_init[here]:
                hidden = dynamics.advance(inferred.state[None, b, t - 1], action[None, b, t], dynamics.weight)
                expected = dynamics.prior(hidden, dynamics.weight)
            torch.testing.assert_close(inferred.prior[here], expected)
    assert inferred.losses == {}


def test_an_ensemble_has_a_prior_for_each_member() -> None:
    torch.manual_seed(0)
    latent = GaussianLatent(3)
    dynamics = Affine(latent, members=2)
    posterior = SingleStep(hidden=()).build(F, A, dynamics)
    features, action, is_init = frames()
    inferred = posterior.infer(dynamics, features, action, is_init, None)
    assert inferred.prior.shape == (2, B, L, 6)
    assert (inferred.prior[0, 0, 1:] != inferred.prior[1, 0, 1:]).all()
    assert torch.equal(inferred.prior[0, :, 0], inferred.prior[1, :, 0])
    dynamics.members, dynamics.weight = 1, torch.nn.Parameter(dynamics.weight[1:])
    alone = posterior.infer(dynamics, features, action, is_init, None)
    torch.testing.assert_close(alone.prior, inferred.prior[1])


def test_nothing_flows_over_an_episode_s_border() -> None:
    torch.manual_seed(0)
    dynamics = Affine(GaussianLatent(3))
    posterior = SingleStep(hidden=()).build(F, A, dynamics)
    features, action, is_init = frames()
    features.requires_grad_()
    inferred = posterior.infer(dynamics, features, action, is_init, torch.randn(B, L, 3))
    (gradient,) = torch.autograd.grad(inferred.prior[1, 3:].sum(), features)
    assert not gradient[1, :3].any()
    assert gradient[1, 3:5].all()


def test_the_mode_without_noise() -> None:
    torch.manual_seed(0)
    dynamics = Affine(GaussianLatent(3))
    posterior = SingleStep().build(F, A, dynamics)
    features, action, is_init = frames()
    inferred = posterior.infer(dynamics, features, action, is_init, None)
    assert torch.equal(inferred.state, inferred.posterior[..., :3])


def test_a_deterministic_part_cannot_be_read_from_one_observation() -> None:
    with pytest.raises(ValueError, match="SingleStep needs dynamics with deterministic_size 0, got 7"):
        SingleStep().build(F, A, Affine(GaussianLatent(3), deterministic_size=7))
