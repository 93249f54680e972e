"""Polyak averaging: slow copies of parameters.

    theta' <- (1 - tau) theta' + tau theta

Polyak and Juditsky 1992; as target networks: Lillicrap et al. 2016 (DDPG), algorithm 1.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


@torch.no_grad()
def polyak(slow: Sequence[Tensor], fast: Sequence[Tensor], tau: float) -> None:
    """Moves each slow tensor towards its fast one, in place."""
    if slow:
        torch._foreach_lerp_(list(slow), list(fast), tau)
