"""Latent overshooting as a part of a sequence's objective, see `equations/latent_overshooting.py`."""

import torch
from tensordict import TensorDictBase
from torch import Tensor, nn

from ..equations.kl_balance import free_nats
from ..equations.latent_overshooting import latent_overshooting
from .latent_dynamics import LatentDynamics
from .latent_heads import weighted_mean
from .posterior import Inferred


class Overshooting(nn.Module):
    """Teaches the prior to predict several steps ahead.

    Args:
        distance: D, at most so many steps; less than the frames of a sequence.
        scale: of the mean over the distances 2 to D.
        free_nats: of each frame's divergence.

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
        """`overshooting`, over the predictions to frames that count.

        Raises:
            ValueError: for sequences that are not longer than the distance.
        """
        E, (B, L) = dynamics.members, counts.shape
        theta = dynamics.sample_parameters(E)

        def of_each(rows: Tensor) -> Tensor:  # [B, ...] -> [E * B, ...]
            return rows.expand(E, *rows.shape).flatten(0, 1)

        def transition(state: Tensor, action: Tensor, noise: Tensor | None) -> tuple[Tensor, Tensor]:
            hidden = dynamics.advance(state.unflatten(0, (E, B)), action.unflatten(0, (E, B)), theta)
            prior = dynamics.prior(hidden, theta)
            chance = None if noise is None else noise.unflatten(0, (E, B))
            return prior.flatten(0, 1), dynamics.state(hidden, prior, chance).flatten(0, 1)

        action = batch["previous_action"]
        shape = (self.distance - 1, E * B, L, dynamics.latent.size)
        noise = torch.randn(shape, device=action.device, dtype=action.dtype)
        found = latent_overshooting(
            dynamics.latent.kl, transition, of_each(inferred.state), of_each(inferred.posterior), of_each(action),
            of_each(batch["is_init"]), self.distance, noise,
        )  # fmt: skip
        kl = free_nats(found.kl, self.free_nats)  # [D - 1, E * B, L]
        weights = found.valid * of_each(counts)
        by_distance = torch.stack([weighted_mean(one, weight) for one, weight in zip(kl, weights, strict=True)])
        return {"overshooting": self.scale * by_distance.mean()}
