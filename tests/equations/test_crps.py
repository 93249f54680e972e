"""The CRPS against numerical integration and the Gaussian's closed form; rank correlation by hand."""

import math

import pytest
import torch

from fulgurite.equations.crps import crps
from fulgurite.equations.rank_correlation import rank_correlation, ranks


def integrated(particles: torch.Tensor, truth: float) -> float:
    """The integral of (F(x) - 1{x >= y})^2 for the particles' empirical F, by the midpoint rule."""
    x = torch.linspace(-10, 10, 400_001, dtype=torch.float64)
    below = (particles[:, None] <= x).double().mean(0)
    return ((below - (x >= truth).double()).square().sum() * (x[1] - x[0])).item()


@pytest.mark.parametrize("truth", [-3.0, 0.1, 1.7])
def test_it_is_the_integral_up_to_the_correction_for_few_particles(truth: float) -> None:
    torch.manual_seed(0)
    particles = torch.randn(7, dtype=torch.float64)
    apart = (particles[:, None] - particles).abs().mean().item()  # E|X - X'| with X = X' allowed, as F has it
    fair = apart * 7 / 6
    found = crps(particles, torch.tensor(truth, dtype=torch.float64)).item()
    assert found == pytest.approx(integrated(particles, truth) + 0.5 * apart - 0.5 * fair, abs=1e-4)


@pytest.mark.parametrize("z", [-1.5, 0.0, 0.8])
def test_of_many_gaussian_particles_it_is_the_closed_form(z: float) -> None:
    normal = torch.distributions.Normal(0.0, 1.0)
    grid = normal.icdf((torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000)
    at = torch.tensor(z, dtype=torch.float64)
    expected = z * (2 * normal.cdf(at).item() - 1) + 2 * normal.log_prob(at).exp().item() - 1 / math.sqrt(math.pi)
    assert crps(2 * grid + 1, 2 * at + 1).item() == pytest.approx(2 * expected, rel=1e-3)


def test_a_point_scores_its_error_and_dimensions_are_apart() -> None:
    particles, truth = torch.tensor([[[1.0, 5.0]]]), torch.tensor([[3.0, 5.0]])
    assert crps(particles, truth).tolist() == [[2.0, 0.0]]
    assert crps(particles.expand(4, 1, 2), truth).tolist() == [[2.0, 0.0]]


def test_it_is_unbiased_for_few_particles_and_least_for_the_truth() -> None:
    torch.manual_seed(0)
    truth, clouds = torch.randn(100_000), torch.randn(4, 100_000)
    right = crps(clouds, truth).mean().item()
    assert right == pytest.approx(1 / math.sqrt(math.pi), abs=0.01)
    assert crps(0.5 * clouds, truth).mean().item() > right + 0.02
    assert crps(2 * clouds, truth).mean().item() > right + 0.05


def test_rank_correlation_by_hand() -> None:
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    assert rank_correlation(x, x.exp()) == pytest.approx(1)
    assert rank_correlation(x, -x.pow(3)) == pytest.approx(-1)
    assert rank_correlation(x, torch.tensor([2.0, 1.0, 4.0, 3.0, 5.0])) == pytest.approx(1 - 6 * 4 / (5 * 24))
    assert rank_correlation(x, torch.ones(5)) == 0
    assert ranks(torch.tensor([3.0, 1.0, 3.0, float("nan")])).tolist() == [1.5, 0.0, 1.5, 3.0]
