"""Coverage: how often the truth falls inside the interval that a cloud of particles predicts.

    rank = #{p : x_p < x}, r of P        the truth's place u is uniform on [rank, rank + ties + 1] / (P + 1)
    coverage of level q = mean P( |u - 1/2| < q / 2 )

If the truth is drawn from the same distribution as the particles, its rank is uniform on 0..P (they are exchangeable),
so coverage is q exactly, for any P and any shape of the distribution; empirical quantiles would be biased outwards.
Hamill 2001, "Interpretation of rank histograms"; the randomised rank is replaced by its expectation. A level needs
P >= 2 / (1 - q) - 1 particles (39 for 95 %), or truths outside all particles would count in part.
"""

import torch
from torch import Tensor


def coverage(particles: Tensor, truth: Tensor, level: float) -> Tensor:
    """Probability `[*B, S]` that the truth `[*B, S]` lies in the central interval of `level`, for `[P, *B, S]`.

    A particle that is not a number lies nowhere: it never helps to cover.
    """
    P = particles.shape[0]
    below = (particles < truth).sum(0)
    ties = (particles == truth).sum(0)
    low = below / (P + 1)
    high = (below + ties + 1) / (P + 1)
    inside = high.clamp(max=0.5 + level / 2) - low.clamp(min=0.5 - level / 2)
    share = inside.clamp(min=0) / (high - low)
    return torch.where(particles.isfinite().all(0), share, torch.zeros_like(share))
