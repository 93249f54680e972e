"""The discretised logistic against its definition, and as a distribution over levels."""

import math

import pytest
import torch

from fulgurite.equations.discretised_logistic import discretised_logistic

LEVELS = torch.arange(256, dtype=torch.float64)


def test_against_the_definition() -> None:
    mean, scale = torch.tensor(100.3, dtype=torch.float64), torch.tensor(7.0, dtype=torch.float64)
    edges = torch.cat([torch.tensor([-torch.inf]), LEVELS[1:] - 0.5, torch.tensor([torch.inf])]).double()
    expected = torch.sigmoid((edges - mean) / scale).diff()
    torch.testing.assert_close(discretised_logistic(LEVELS, mean, scale.log()).exp(), expected, rtol=1e-10, atol=1e-15)


@pytest.mark.parametrize("scale", [0.05, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("mean", [-400.0, -0.5, 0.0, 127.2, 255.0, 700.0])
def test_the_probabilities_of_all_levels_sum_to_one(mean: float, scale: float) -> None:
    log = discretised_logistic(LEVELS, torch.tensor(mean).double(), torch.tensor(math.log(scale)).double())
    assert log.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert torch.isfinite(log).all()


def test_single_precision_is_right_far_in_the_tails() -> None:
    """There a difference of two sigmoids is zero: log F(b) - F(a) = (x - mu) / s + ... on the left."""
    mean, log_scale = torch.tensor(250.0), torch.tensor(0.0)
    found = discretised_logistic(torch.tensor([10.0]), mean, log_scale)
    assert found.item() == pytest.approx(-239.5 + math.log(1 - math.exp(-1)), rel=1e-5)
    inputs = [LEVELS[::15].float(), mean.requires_grad_(), torch.tensor(-3.0, requires_grad=True)]
    gradients = torch.autograd.grad(discretised_logistic(*inputs).sum(), inputs[1:])
    assert all(torch.isfinite(one).all() for one in gradients)


def test_gradients_by_finite_differences() -> None:
    level = torch.tensor([0.0, 3.0, 128.0, 255.0], dtype=torch.float64)
    mean = torch.tensor([2.0, 100.0, 127.0, 240.0], dtype=torch.float64, requires_grad=True)
    log_scale = torch.tensor([0.5, 1.5, -0.5, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda m, s: discretised_logistic(level, m, s), (mean, log_scale))
