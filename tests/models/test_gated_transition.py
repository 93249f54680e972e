"""The gated transition: it starts linear in the mean, follows its formula, and learns p(z_1)."""

import pytest
import torch

from fulgurite.models.full_gaussian import FullGaussianLatent
from fulgurite.models.gated_transition import GatedTransition
from fulgurite.models.latent import CategoricalLatent, GaussianLatent, Latent
from fulgurite.models.networks import evaluate, squeezed

FAMILIES = [GaussianLatent(4), FullGaussianLatent(3), CategoricalLatent(2, 3)]


def case(latent: Latent) -> tuple[GatedTransition, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return (
        GatedTransition(latent, 2, (8,)).double(),
        torch.randn(5, 6, latent.size).double(),
        torch.randn(5, 6, 2).double(),
    )


@pytest.mark.parametrize("latent", FAMILIES, ids=lambda latent: type(latent).__name__)
def test_the_formula(latent: Latent) -> None:
    dynamics, state, action = case(latent)
    y = torch.cat([state, action], -1)
    f, m = (evaluate(squeezed(net.layers()), y, "silu") for net in (dynamics.proposal, dynamics.gate))
    g = torch.sigmoid(m)
    expected = latent.read((1 - g) * dynamics.linear(y) + g * f)
    found = dynamics.prior(dynamics.advance(state, action, None), None)
    torch.testing.assert_close(found, expected)
    mean = dynamics.predict(state, action, None).mean.reshape(5, 6, -1)
    torch.testing.assert_close(mean, latent.mean(expected))
    torch.testing.assert_close(dynamics.step(state, action, None, None), latent.sample(expected, None))
    assert dynamics.step(state, action, None, torch.randn_like(state)).shape == state.shape


def test_a_closed_gate_leaves_z_as_it_is() -> None:
    dynamics, state, action = case(GaussianLatent(4))
    with torch.no_grad():
        list(dynamics.gate.biases.parameters())[-1].fill_(-50.0)
    torch.testing.assert_close(dynamics.step(state, action, None, None), state)


@pytest.mark.parametrize("latent", FAMILIES, ids=lambda latent: type(latent).__name__)
def test_gradients_by_finite_differences(latent: Latent) -> None:
    dynamics, state, action = case(latent)

    def statistics(state: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        return dynamics.prior(dynamics.advance(state, action, None), None)

    assert torch.autograd.gradcheck(statistics, (state[:1, :2].requires_grad_(), action[:1, :2].requires_grad_()))


def test_p_of_the_first_state_is_learned() -> None:
    dynamics, state, _ = case(GaussianLatent(4))
    first = dynamics.first(state)
    assert first.shape == (8,)
    (gradient,) = torch.autograd.grad(
        dynamics.latent.kl(dynamics.latent.standard(state), first).sum(), dynamics.first_raw
    )
    assert gradient.abs().max() > 0
    assert dynamics.initial(state).shape == (5, 6, 4)
