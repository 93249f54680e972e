"""Latent overshooting: predictions over several steps are held against the posterior, too.

    L = c / (D - 1) sum_{d=2..D} mean_t max(n, KL(sg(q_t) || p(z_t | s_{t-d}, a_{t-d:t-1})))

Hafner et al. 2019 (PlaNet), section 4, equation 7, with the posterior held fixed beyond one step (appendix D). The
expectation over the steps between is taken by one sample.
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from .latent_dynamics import LatentDynamics
from .latent_heads import weighted_mean
from .posterior import Inferred


class Overshooting(nn.Module):
    """Teaches the prior to predict several steps ahead.

    Args:
        distance: D, at most so many steps.
        scale: c.
        free_nats: n.

    Raises:
        ValueError: for a distance below 2 or negative numbers.
    """

    def __init__(self, distance: int = 5, scale: float = 1.0, free_nats: float = 0.0) -> None:
        super().__init__()
        if distance < 2:
            raise ValueError(f"distance: need at least 2, got {distance}")
        for name, number in (("scale", scale), ("free_nats", free_nats)):
            if number < 0:
                raise ValueError(f"{name}: need at least 0, got {number}")
        self.distance, self.scale, self.free_nats = distance, scale, free_nats

    def forward(
        self, dynamics: LatentDynamics, inferred: Inferred, batch: TensorDictBase, counts: Tensor
    ) -> dict[str, Tensor]:
        """`overshooting`, of sequences longer than the distance."""
        members = dynamics.members
        theta = dynamics.sample_parameters(members)
        action = batch["previous_action"].expand(members, *batch["previous_action"].shape)
        begins = batch["is_init"][..., 0]
        q = inferred.posterior.detach()
        state = inferred.state.expand(members, *inferred.state.shape)
        within = counts
        total = torch.zeros((), device=q.device)
        for d in range(1, self.distance + 1):
            hidden = dynamics.advance(state[:, :, :-1], action[:, :, d:], theta)  # of frames d to L - 1
            prior = dynamics.prior(hidden, theta)  # [E, B, L - d, Q]
            within = within[:, :-1] * ~begins[:, d:]
            if d > 1:
                kl = dynamics.latent.kl(q[:, d:], prior).sum(-1).clamp_min(self.free_nats).mean(0)
                total = total + weighted_mean(kl, within)
            noise = torch.randn(*prior.shape[:-1], dynamics.latent.size, device=q.device, dtype=q.dtype)
            state = dynamics.state(hidden, prior, noise)
        return {"overshooting": self.scale * total / (self.distance - 1)}
