import torch

from fulgurite.equations.total_propagation import inverse_variance_mix


def test_by_hand():
    lr = torch.tensor([[0.0, 1.0], [2.0, 1.0]])  # variances 1 and 0
    rp = torch.tensor([[3.0, 0.0], [-3.0, 4.0]])  # variances 9 and 4
    # k = 0.9 and 1
    torch.testing.assert_close(inverse_variance_mix(lr, rp), torch.tensor([[0.3, 1.0], [1.5, 1.0]]))


def test_of_independent_estimates_the_mix_has_the_least_variance():
    torch.manual_seed(0)
    lr, rp = 1 + 2 * torch.randn(100_000, 1), 1 + 3 * torch.randn(100_000, 1)
    mixed = inverse_variance_mix(lr, rp)
    torch.testing.assert_close(mixed.var(), torch.tensor(1 / (1 / 4 + 1 / 9)), rtol=0.02, atol=0)
    assert abs(mixed.mean() - 1) < 0.02


def test_constants_stay_and_what_is_not_finite_is_left_out():
    same = torch.ones(5, 1)
    assert torch.equal(inverse_variance_mix(same, 2 * same), 2 * same)
    lr = torch.randn(5, 1)
    for bad in (torch.inf, torch.nan, 1e30):
        exploded = torch.tensor([[1.0], [bad], [0.0], [0.0], [0.0]])
        assert torch.equal(inverse_variance_mix(lr, exploded), lr)
