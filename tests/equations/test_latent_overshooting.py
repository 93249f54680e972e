"""Latent overshooting, against loops over frames and distances with torch.distributions."""

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from fulgurite.equations.latent_overshooting import latent_overshooting
from fulgurite.models.latent import GaussianLatent

B, L, Z, A = 2, 6, 2, 1
LATENT = GaussianLatent(Z)


def weights() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((2 * Z, Z), (2 * Z, A))
    both = [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    return both[0], both[1]


def transition(state: Tensor, action: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
    W, U = weights()
    statistics = LATENT.read(torch.tanh(state @ W.T + action @ U.T))
    return statistics, LATENT.sample(statistics, noise)


def sequences() -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(1)
    shapes = ((B, L, Z), (B, L, 2 * Z), (B, L, A))
    states, raw, actions = (torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes)
    is_init = torch.zeros(B, L, 1, dtype=torch.bool)
    is_init[0, 0] = is_init[1, 3] = True
    return states, LATENT.read(raw), actions, is_init


@pytest.mark.parametrize("noisy", [False, True])
def test_every_distance_from_every_frame(noisy: bool) -> None:
    states, posterior, actions, is_init = sequences()
    D = 4
    noise = torch.randn(D - 1, B, L, Z, dtype=torch.float64) if noisy else None
    found = latent_overshooting(LATENT.kl, transition, states, posterior, actions, is_init, D, noise)
    assert found.kl.shape == (D - 1, B, L, Z)
    for b in range(B):
        for t in range(L):
            for d in range(2, D + 1):
                start = t - d
                inside = start >= 0 and not is_init[b, start + 1 : t + 1].any()
                assert found.valid[d - 2, b, t] == inside
                expected = torch.zeros(Z, dtype=torch.float64)
                if inside:
                    state = states[b, start]
                    for step in range(1, d):
                        chance = None if noise is None else noise[step - 1, b, start + step]
                        _, state = transition(state, actions[b, start + step], chance)
                    mean, std = transition(state, actions[b, t], None)[0].chunk(2, -1)
                    q_mean, q_std = posterior[b, t].chunk(2, -1)
                    expected = kl_divergence(Normal(q_mean, q_std), Normal(mean, std))
                torch.testing.assert_close(found.kl[d - 2, b, t], expected)


def test_the_posterior_that_is_predicted_gets_no_gradient_and_the_start_does() -> None:
    states, posterior, actions, is_init = sequences()
    states.requires_grad_()
    posterior.requires_grad_()
    kl = latent_overshooting(LATENT.kl, transition, states, posterior, actions, is_init, 3).kl.sum()
    of_states, of_posterior = torch.autograd.grad(kl, (states, posterior), allow_unused=True)
    assert of_posterior is None
    assert of_states[0, : L - 2].abs().min() > 0


def test_gradients_by_finite_differences() -> None:
    states, posterior, actions, is_init = sequences()
    noise = torch.randn(2, B, L, Z, dtype=torch.float64)

    def loss(start: Tensor, action: Tensor) -> Tensor:
        return latent_overshooting(LATENT.kl, transition, start, posterior, action, is_init, 3, noise).kl.sum()

    assert torch.autograd.gradcheck(loss, (states.requires_grad_(), actions.requires_grad_()))


@pytest.mark.parametrize("distance", [1, L])
def test_wrong_distances(distance: int) -> None:
    states, posterior, actions, is_init = sequences()
    with pytest.raises(
        ValueError, match=f"distance: need at least 2 and less than the sequence's 6 frames, got {distance}"
    ):
        latent_overshooting(LATENT.kl, transition, states, posterior, actions, is_init, distance)
