"""Symmetric logarithm and exponential: values by hand, inverses, gradients."""

import math

import torch

from fulgurite.equations.symlog import symexp, symlog


def test_values_worked_by_hand() -> None:
    x = torch.tensor([0.0, math.e - 1, 1 - math.e, 99.0, -99.0], dtype=torch.float64)
    torch.testing.assert_close(symlog(x), torch.tensor([0, 1, -1, math.log(100), -math.log(100)], dtype=torch.float64))
    torch.testing.assert_close(symexp(torch.tensor([1.0, -2.0])), torch.tensor([math.e - 1, 1 - math.e**2]))


def test_each_is_the_inverse_of_the_other() -> None:
    x = torch.cat([torch.logspace(-12, 12, 97, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)])
    for signed in (x, -x):
        torch.testing.assert_close(symexp(symlog(signed)), signed, rtol=1e-13, atol=0)
    y = torch.linspace(-30, 30, 121, dtype=torch.float64)
    torch.testing.assert_close(symlog(symexp(y)), y, rtol=1e-13, atol=0)


def test_small_numbers_keep_all_their_digits() -> None:
    x = torch.tensor([1e-30, -1e-30])
    assert torch.equal(symlog(x), x)
    assert torch.equal(symexp(x), x)


def test_gradients_by_finite_differences() -> None:
    x = torch.tensor([-30.0, -1.0, -0.1, 0.2, 1.0, 5.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(symlog, x)
    assert torch.autograd.gradcheck(lambda y: symexp(y / 6), x)


def test_the_slope_at_zero_is_one() -> None:
    for function in (symlog, symexp):
        slopes = []
        for at in (1e-9, -1e-9):
            x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
            (slope,) = torch.autograd.grad(function(x), x)
            slopes.append(slope.item())
        assert all(abs(slope - 1) < 1e-8 for slope in slopes)
