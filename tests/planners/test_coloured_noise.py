import pytest
import torch

from fulgurite.planners.coloured_noise import coloured


def white(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("H", [256, 255])
def test_the_spectrum_falls_with_the_exponent(exponent, H):
    """A straight line through the logarithms of frequency and mean power has the slope -beta."""
    power = torch.fft.rfft(coloured(white(2000, H, 1), exponent), dim=1)[..., 0].abs().square().mean(0)  # [H // 2 + 1]
    inner = slice(1, (H - 1) // 2)
    x, y = torch.arange(len(power))[inner].double().log(), power[inner].log()
    slope = ((x - x.mean()) * (y - y.mean())).sum() / (x - x.mean()).square().sum()
    assert slope.item() == pytest.approx(-exponent, abs=0.01)


@pytest.mark.parametrize("exponent", [0.25, 2.0, 3.5])
@pytest.mark.parametrize("H", [1, 2, 5, 20])
def test_every_step_has_mean_zero_and_variance_one(exponent, H):
    noise = coloured(white(40_000, H, 1), exponent)[..., 0]  # [N, H]
    assert noise.mean(0).abs().max() < 0.03
    assert (noise.var(0) - 1).abs().max() < 0.04


def test_exponent_zero_leaves_white_noise_as_it_is():
    torch.testing.assert_close(coloured(white(3, 9, 2), 0.0), white(3, 9, 2))


def test_dimensions_of_the_action_stay_independent():
    noise = coloured(white(20_000, 8, 2), 2.0)
    assert (noise[..., 0] * noise[..., 1]).mean().abs() < 0.03


def test_neighbours_agree_more_the_redder():
    neighbours = [(n := coloured(white(5000, 20, 1), b)[..., 0])[:, :-1].mul(n[:, 1:]).mean() for b in (0.0, 1.0, 2.0)]
    assert neighbours[0].abs() < 0.02
    assert 0.2 < neighbours[1] < neighbours[2] < 1
