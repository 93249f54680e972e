"""Calibration by rank: where the truth lies among a cloud of particles.

    rank = #{p : x_p < x}, r of P        the truth's place u is uniform on [rank, rank + ties + 1] / (P + 1)
    coverage of level q = mean P( |u - 1/2| < q / 2 )        PIT histogram = mean density of u

If the truth is drawn from the same distribution as the particles, its rank is uniform on 0..P (they are exchangeable),
so coverage is q exactly, for any P and any shape of the distribution; empirical quantiles would be biased outwards.
Hamill 2001, "Interpretation of rank histograms"; the randomised rank is replaced by its expectation. A level needs
P >= 2 / (1 - q) - 1 particles (39 for 95 %), or truths outside all particles would count in part.

A histogram of the probability integral transform (PIT) shaped like a U says overconfident, like a hump underconfident,
and a slope says biased; Gneiting, Balabdaoui and Raftery 2007, section 3.1.
"""

import torch
from torch import Tensor


def place(particles: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Both ends `[*B, S]` of the interval on which u is uniform, for a truth `[*B, S]` among particles `[P, *B, S]`."""
    P = particles.shape[0]
    below = (particles < truth).sum(0)
    ties = (particles == truth).sum(0)
    return below / (P + 1), (below + ties + 1) / (P + 1)


def share(place: tuple[Tensor, Tensor], low: float, high: float) -> Tensor:
    """The probability `[*B, S]` that u lies between `low` and `high`."""
    inside = place[1].clamp(max=high) - place[0].clamp(min=low)
    return inside.clamp(min=0) / (place[1] - place[0])


def coverage(particles: Tensor, truth: Tensor, level: float) -> Tensor:
    """Probability `[*B, S]` that the truth `[*B, S]` lies in the central interval of `level`, for `[P, *B, S]`.

    A particle that is not a number lies nowhere: it never helps to cover.
    """
    inside = share(place(particles, truth), 0.5 - level / 2, 0.5 + level / 2)
    return torch.where(particles.isfinite().all(0), inside, torch.zeros_like(inside))


def pit_histogram(particles: Tensor, truth: Tensor, bins: int) -> Tensor:
    """Probabilities `[bins, *B, S]` that u lies in each of so many equal bins of [0, 1]; each is 1 / bins at best."""
    where = place(particles, truth)
    return torch.stack([share(where, i / bins, (i + 1) / bins) for i in range(bins)])
