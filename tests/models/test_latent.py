"""Families of latent variables, against torch.distributions."""

import pytest
import torch

from fulgurite.models.latent import CategoricalLatent, GaussianLatent, Latent
from fulgurite.models.latent_dynamics import distribution


def families() -> list[Latent]:
    return [GaussianLatent(6), CategoricalLatent(3, 4), CategoricalLatent(3, 4, unimix=0.0)]


@pytest.mark.parametrize("latent", families(), ids=lambda latent: type(latent).__name__)
def test_kl_and_entropy_are_those_of_torch_distributions(latent: Latent) -> None:
    torch.manual_seed(0)
    q, p = (latent.read(torch.randn(5, 7, latent.statistics, dtype=torch.float64)) for _ in range(2))
    expected = torch.distributions.kl_divergence(distribution(latent, q), distribution(latent, p))
    torch.testing.assert_close(latent.kl(q, p).sum(-1), expected)
    torch.testing.assert_close(latent.entropy(q).sum(-1), distribution(latent, q).entropy())
    assert latent.kl(q, p).shape == (5, 7, latent.variables)


@pytest.mark.parametrize("latent", families(), ids=lambda latent: type(latent).__name__)
def test_samples_have_the_mean_of_the_distribution(latent: Latent) -> None:
    torch.manual_seed(0)
    statistics = latent.read(torch.randn(latent.statistics, dtype=torch.float64))
    noise = torch.randn(200_000, latent.size, dtype=torch.float64)
    samples = latent.sample(statistics, noise)
    torch.testing.assert_close(samples.mean(0), latent.mean(statistics), atol=0.02, rtol=0)


def test_a_categorical_sample_is_one_hot_and_has_the_gradient_of_the_probabilities() -> None:
    latent = CategoricalLatent(2, 3)
    raw = torch.randn(5, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(6, dtype=torch.float64)
    z = latent.sample(latent.read(raw), torch.randn(5, 6, dtype=torch.float64))
    assert torch.equal(z.detach().round().unflatten(-1, (2, 3)).sum(-1), torch.ones(5, 2, dtype=torch.float64))
    (through_sample,) = torch.autograd.grad((z * weight).sum(), raw)
    (through_mean,) = torch.autograd.grad((latent.mean(latent.read(raw)) * weight).sum(), raw)
    torch.testing.assert_close(through_sample, through_mean)


def test_unimix_keeps_every_class_possible() -> None:
    latent = CategoricalLatent(1, 4, unimix=0.04)
    assert latent.read(torch.tensor([100.0, -100, -100, -100])).exp().min() == pytest.approx(0.01)


@pytest.mark.parametrize("latent", families(), ids=lambda latent: type(latent).__name__)
def test_the_standard_prior(latent: Latent) -> None:
    statistics = latent.standard(torch.zeros(1, dtype=torch.float64))
    assert statistics.shape == (latent.statistics,)
    if isinstance(latent, GaussianLatent):
        assert statistics.tolist() == [0.0] * 6 + [1.0] * 6
    else:
        torch.testing.assert_close(latent.mean(statistics), torch.full((12,), 0.25, dtype=torch.float64))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianLatent(0), "size: need at least 1, got 0"),
        (lambda: GaussianLatent(2, min_std=-1), "min_std: need at least 0, got -1"),
        (lambda: CategoricalLatent(2, 1), "classes: need at least 2, got 1"),
        (lambda: CategoricalLatent(0, 2), "variables: need at least 1, got 0"),
        (lambda: CategoricalLatent(2, 2, unimix=1.0), r"unimix: need a number in \[0, 1\), got 1.0"),
    ],
)
def test_wrong_numbers(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
