"""Value expansion by hand: two imagined steps, and the mean by inverse variance."""

import torch

from fulgurite.equations.value_expansion import expanded, inverse_variance_mean


def test_every_horizon_by_hand():
    reward = torch.tensor([[1.0], [2.0]])
    value = torch.tensor([[10.0], [20.0], [30.0]])
    alive = torch.tensor([[1.0], [1.0], [0.5]])
    found = expanded(reward, value, alive, 0.9)
    by_hand = [10.0, 1 + 0.9 * 20, 1 + 0.9 * 2 + 0.81 * 0.5 * 30]
    torch.testing.assert_close(found[:, 0], torch.tensor(by_hand))


def test_nothing_counts_after_an_end():
    reward, value = torch.full((3, 1), 5.0), torch.full((4, 1), 100.0)
    alive = torch.tensor([[1.0], [1.0], [0.0], [0.0]])
    torch.testing.assert_close(expanded(reward, value, alive, 1.0)[-1], torch.tensor([10.0]))


def test_what_is_broadcast_is_what_is_repeated():
    reward, value = torch.randn(2, 1, 4), torch.randn(3, 5, 4)
    alive = torch.rand(3, 1, 4)
    whole = expanded(reward.expand(-1, 5, -1), value, alive.expand(-1, 5, -1), 0.9)
    torch.testing.assert_close(expanded(reward, value, alive, 0.9), whole)


def test_the_surer_estimate_counts_more():
    estimates = torch.tensor([[[0.0], [2.0]], [[8.0], [12.0]]])  # means 1 and 10, variances 1 and 4
    torch.testing.assert_close(inverse_variance_mean(estimates), torch.tensor([(1 * 1 + 10 / 4) / (1 + 1 / 4)]))


def test_agreement_without_any_spread_decides():
    estimates = torch.tensor([[[3.0], [3.0]], [[0.0], [9.0]]])
    torch.testing.assert_close(inverse_variance_mean(estimates), torch.tensor([3.0]), rtol=1e-4, atol=0)
