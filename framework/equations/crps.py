"""The continuous ranked probability score of a cloud of particles: how far a whole distribution is from what happened.

    CRPS(F, y) = integral ( F(x) - 1{x >= y} )^2 dx = E|X - y| - 1/2 E|X - X'|        in the units of y; 0 at best

Least, on average, for the true distribution, and the absolute error for a point: so it compares models that predict
distributions with models that predict points. Gneiting and Raftery 2007, section 4.2; E|X - X'| is taken over pairs of
different particles, which makes the estimate unbiased for any P (Ferro 2014).
"""

import torch
from torch import Tensor


def crps(particles: Tensor, truth: Tensor) -> Tensor:
    """The score `[*B]` of particles `[P, *B]` against a truth `[*B]`; a single particle is a point."""
    P = particles.shape[0]
    distance = (particles - truth).abs().mean(0)
    if P == 1:
        return distance
    # sorted, particle i is the larger one of i - 1 pairs and the smaller one of P - i
    weight = 2 * torch.arange(P, device=particles.device, dtype=particles.dtype) - (P - 1)
    ordered = particles.sort(0).values.movedim(0, -1)  # [*B, P]
    return distance - (ordered @ weight) / (P * (P - 1))
