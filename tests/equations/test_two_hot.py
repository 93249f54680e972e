import torch

from fulgurite.equations.symlog import symexp
from fulgurite.equations.two_hot import expected_bin, two_hot

BINS = torch.tensor([-4.0, -1.0, 0.0, 1.0, 4.0])


def test_between_two_bins_the_nearer_gets_more():
    torch.testing.assert_close(two_hot(torch.tensor(1.75), BINS), torch.tensor([0.0, 0.0, 0.0, 0.75, 0.25]))


def test_a_bin_itself_is_one_hot_and_what_lies_outside_is_the_nearest_bin():
    encoded = two_hot(torch.tensor([-1.0, 4.0, 100.0, -100.0]), BINS)
    assert encoded.argmax(-1).tolist() == [1, 4, 4, 0]
    torch.testing.assert_close(encoded.max(-1).values, torch.ones(4))


def test_there_and_back_for_numbers_of_every_scale():
    bins = symexp(torch.linspace(-20, 20, 255, dtype=torch.float64))
    numbers = torch.cat([10.0 ** torch.arange(-6, 8.0), -(10.0 ** torch.arange(-6, 8.0)), torch.zeros(1)]).double()
    torch.testing.assert_close(expected_bin(two_hot(numbers, bins), bins), numbers, rtol=1e-12, atol=1e-9)


def test_a_uniform_distribution_over_symmetric_bins_is_exactly_zero():
    half = symexp(torch.linspace(-20, 0, 128))
    bins = torch.cat([half, -half[:-1].flip(0)])
    assert expected_bin(torch.full((255,), 1 / 255), bins) == 0
