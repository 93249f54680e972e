"""Latent overshooting: predictions several steps ahead are trained towards the posterior, all in latent space.

    1/D sum_{d=1}^D beta_d E[ KL( q(z_t | o_<=t, a_<t) || p(z_t | s_{t-1}) ) ]

where s_{t-1} comes of d - 1 steps of the prior from a posterior sample s_{t-d}. The term d = 1 is the evidence lower
bound's own; for d > 1 the gradient of the posterior at t is stopped, so that the predictions come to the informed
posterior and not the other way round. Hafner et al. 2019 (PlaNet), section 4, eq. 7.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .kl_balance import Divergence

# states [B, N, S], actions [B, N, A], noise [B, N, Z] or None -> statistics [B, N, Q] of the prior, states [B, N, S]
Transition = Callable[[Tensor, Tensor, Tensor | None], tuple[Tensor, Tensor]]


class Overshot(NamedTuple):
    """The divergences of the distances 2 to D.

    Attributes:
        kl: `[D - 1, B, L, V]`, in nats, at the frame that is predicted; 0 where there is no prediction.
        valid: `[D - 1, B, L]`, bool: whether there is one, from a frame of the same episode and sequence.
    """

    kl: Tensor
    valid: Tensor


def latent_overshooting(
    divergence: Divergence,
    transition: Transition,
    states: Tensor,
    posterior: Tensor,
    actions: Tensor,
    is_init: Tensor,
    distance: int,
    noise: Tensor | None = None,
) -> Overshot:
    """Predicts from every frame at once.

    Args:
        divergence: of the family of z.
        transition: a step of the prior.
        states: `[B, L, S]`, drawn from the posterior.
        posterior: `[B, L, Q]`, its statistics.
        actions: `[B, L, A]`, the action before each frame.
        is_init: `[B, L, 1]`, bool: an episode begins, and nothing is predicted across.
        distance: D.
        noise: `[D - 1, B, L, Z]`, standard normal, of the steps at the frames that they lead to; None for the mean or
            mode.

    Raises:
        ValueError: unless 2 <= D < L.
    """
    L = states.shape[1]
    if not 2 <= distance < L:
        raise ValueError(f"distance: need at least 2 and less than the sequence's {L} frames, got {distance}")
    target = posterior.detach()
    state, inside = states, torch.ones_like(is_init[..., 0])  # [B, L], of the frames that predictions start from
    kls, valid = [], []
    for d in range(1, distance + 1):
        inside = inside[:, :-1] & ~is_init[:, d:, 0]
        chance = None if noise is None or d == distance else noise[d - 1, :, d:]
        statistics, state = transition(state[:, :-1], actions[:, d:], chance)  # [B, L - d, ...]
        if d > 1:
            kl = divergence(target[:, d:], statistics).masked_fill(~inside[..., None], 0.0)
            kls.append(F.pad(kl, (0, 0, d, 0)))
            valid.append(F.pad(inside, (d, 0)))
    return Overshot(torch.stack(kls), torch.stack(valid))
