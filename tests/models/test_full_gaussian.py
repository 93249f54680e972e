"""The Gaussian with a full covariance, against torch.distributions."""

import pytest
import torch

from fulgurite.models.full_gaussian import FullGaussianLatent
from fulgurite.models.latent import GaussianLatent
from fulgurite.models.latent_dynamics import distribution

LATENT = FullGaussianLatent(3)


def test_kl_and_entropy_are_those_of_torch_distributions() -> None:
    torch.manual_seed(0)
    q, p = (LATENT.read(torch.randn(5, 7, 12, dtype=torch.float64)) for _ in range(2))
    expected = torch.distributions.kl_divergence(distribution(LATENT, q), distribution(LATENT, p))
    torch.testing.assert_close(LATENT.kl(q, p)[..., 0], expected)
    torch.testing.assert_close(LATENT.entropy(q)[..., 0], distribution(LATENT, q).entropy())
    torch.testing.assert_close(LATENT.kl(q, q[0, 0])[..., 0], LATENT.kl(q, q[0, 0].expand_as(q))[..., 0])


def test_samples_have_the_moments_of_the_distribution() -> None:
    torch.manual_seed(0)
    statistics = LATENT.read(torch.randn(12, dtype=torch.float64))
    samples = LATENT.sample(statistics.expand(400_000, -1), torch.randn(400_000, 3, dtype=torch.float64))
    torch.testing.assert_close(samples.mean(0), LATENT.mean(statistics), atol=0.02, rtol=0)
    expected = distribution(LATENT, statistics).covariance_matrix
    torch.testing.assert_close(samples.T.cov(), expected, atol=0.02, rtol=0.01)
    assert torch.equal(LATENT.sample(statistics, None), LATENT.mean(statistics))


def test_without_correlations_it_is_the_diagonal_family() -> None:
    plain = GaussianLatent(3)
    q, p = (plain.read(torch.randn(4, 6)) for _ in range(2))
    full_q, full_p = (LATENT.join(s[:, :3], torch.diag_embed(s[:, 3:])) for s in (q, p))
    torch.testing.assert_close(LATENT.kl(full_q, full_p)[:, 0], plain.kl(q, p).sum(-1))
    noise = torch.randn(4, 3)
    torch.testing.assert_close(LATENT.sample(full_q, noise), plain.sample(q, noise))
    assert torch.equal(distribution(LATENT, LATENT.standard(noise)).covariance_matrix, torch.eye(3))


def test_gradients_by_finite_differences() -> None:
    torch.manual_seed(0)
    q, p = (torch.randn(2, 12, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: LATENT.kl(LATENT.read(a), LATENT.read(b)), (q, p))
    noise = torch.randn(2, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda a: LATENT.sample(LATENT.read(a), noise), q)


def test_what_comes_in_half_precision_is_worked_on_in_single() -> None:
    assert LATENT.read(torch.randn(2, 12, dtype=torch.bfloat16)).dtype == torch.float32


def test_wrong_numbers() -> None:
    with pytest.raises(ValueError, match="size: need at least 1, got 0"):
        FullGaussianLatent(0)
    with pytest.raises(ValueError, match="min_std: need at least 0, got -1"):
        FullGaussianLatent(2, min_std=-1)
