"""Coverage and PIT histogram by rank: exact for exchangeable particles, whatever their number and distribution."""

import pytest
import torch

from fulgurite.equations.rank_histogram import coverage, pit_histogram


@pytest.mark.parametrize("particles", [4, 19, 40])
@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_averaged_over_the_ranks_it_is_the_level(particles: int, level: float) -> None:
    # A truth that is exchangeable with the particles has each of the P + 1 ranks equally often.
    cloud = torch.arange(particles, dtype=torch.float64).view(-1, 1, 1).expand(-1, particles + 1, 1)
    truth = torch.arange(particles + 1, dtype=torch.float64)[:, None] - 0.5
    assert coverage(cloud, truth, level).mean().item() == pytest.approx(level)


def test_by_hand_with_three_particles() -> None:
    # Four places of a quarter each; the interval of 50 % is the middle two.
    cloud = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1).expand(3, 5, 1)
    truth = torch.tensor([[0.0], [1.5], [2.5], [9.0], [2.0]])
    assert coverage(cloud, truth, 0.5)[:, 0].tolist() == [0.0, 1.0, 1.0, 0.0, 1.0]


def test_a_truth_beside_39_particles_is_not_covered_at_95_percent() -> None:
    cloud = torch.zeros(39, 1, 1)
    assert coverage(cloud, torch.ones(1, 1), 0.95).item() == pytest.approx(0, abs=1e-6)


def test_a_point_that_is_right_counts_as_calibrated() -> None:
    assert coverage(torch.ones(40, 1, 1), torch.ones(1, 1), 0.8).item() == pytest.approx(0.8)


def test_particles_that_are_no_numbers_cover_nothing() -> None:
    cloud = torch.randn(40, 1, 1)
    cloud[0] = float("nan")
    assert coverage(cloud, cloud[1:].median(0).values, 0.95).item() == 0


@pytest.mark.parametrize("particles", [4, 19, 40])
def test_averaged_over_the_ranks_the_histogram_is_flat(particles: int) -> None:
    cloud = torch.arange(particles, dtype=torch.float64).view(-1, 1, 1).expand(-1, particles + 1, 1)
    truth = torch.arange(particles + 1, dtype=torch.float64)[:, None] - 0.5
    bins = pit_histogram(cloud, truth, 10)
    assert bins.shape == (10, particles + 1, 1)
    assert bins.mean((1, 2)).tolist() == pytest.approx([0.1] * 10)
    assert bins.sum(0).flatten().tolist() == pytest.approx([1.0] * (particles + 1))


def test_the_histogram_by_hand() -> None:
    # Among three particles the places are quarters: above all of them is [3/4, 1], half of the bins above 1/2.
    cloud = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1)
    assert pit_histogram(cloud, torch.tensor([[9.0]]), 2).flatten().tolist() == [0.0, 1.0]
    assert pit_histogram(cloud, torch.tensor([[0.0]]), 4).flatten().tolist() == [1.0, 0.0, 0.0, 0.0]
    assert pit_histogram(cloud, torch.tensor([[1.5]]), 2).flatten().tolist() == [1.0, 0.0]
