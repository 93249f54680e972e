import math

import torch

from fulgurite.equations.gaussian import gaussian_nll, soft_bound


def test_nll_by_hand():
    """At the mean with unit variance half log 2 pi; one deviation away half a nat more."""
    zero = torch.zeros(1)
    assert torch.isclose(gaussian_nll(zero, zero, zero), torch.tensor(0.5 * math.log(2 * math.pi)))
    assert torch.isclose(
        gaussian_nll(torch.tensor([2.0]), zero, torch.tensor([math.log(4.0)])),
        torch.tensor(0.5 * math.log(2 * math.pi) + math.log(2.0) + 0.5),
    )


def test_nll_agrees_with_torch():
    x, mean, log_var = torch.randn(3, 7, 4, generator=torch.Generator().manual_seed(0))
    expected = -torch.distributions.Normal(mean, (0.5 * log_var).exp()).log_prob(x)
    torch.testing.assert_close(gaussian_nll(x, mean, log_var), expected)


def test_nll_gradient_vanishes_at_the_truth():
    """The variance that minimises the expected loss is the data's: d/dlogvar = (1 - e^2 / var) / 2 = 0 at e^2 = var."""
    log_var = torch.tensor([math.log(9.0)], requires_grad=True)
    gaussian_nll(torch.tensor([3.0]), torch.tensor([0.0]), log_var).sum().backward()
    assert abs(log_var.grad.item()) < 1e-6


def test_soft_bound():
    low, high = torch.tensor(-10.0), torch.tensor(0.5)
    x = torch.tensor([-1e3, -4.0, 1e3], requires_grad=True)
    bounded = soft_bound(x, low, high)
    assert bounded.min() >= low - 1e-4
    assert bounded.max() <= high + 1e-4
    assert abs(bounded[1].item() + 4) < 0.02  # well inside it is the identity
    inside = torch.tensor([-14.0, 4.0], requires_grad=True)
    soft_bound(inside, low, high).sum().backward()
    assert (inside.grad > 0).all()  # and beyond the bounds there is still a way back
