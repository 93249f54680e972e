"""What makes latent states of observations: the objectives of a sequence."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from tensordict import TensorDictBase
from torch import Tensor, nn

from .divergence import Divergence
from .latent_heads import weighted_mean
from .overshooting import Overshooting
from .posterior import Inferred

if TYPE_CHECKING:
    from .latent_world_model import LatentWorldModel


class SequenceObjective(nn.Module, ABC):
    """Losses of inferred states beside those of reward and termination."""

    def build(self, world_model: LatentWorldModel) -> None:
        """Called once, when the world model's other parts are built: for networks of its own."""

    @abstractmethod
    def forward(
        self, world_model: LatentWorldModel, inferred: Inferred, batch: TensorDictBase, counts: Tensor
    ) -> dict[str, Tensor]:
        """The scalars to minimise by name, for sequences `[B]` of L frames of which those count where `counts [B, L]`
        is 1."""


class SequenceELBO(SequenceObjective):
    """The evidence lower bound: reconstruction, and divergence from the prior.

    Args:
        divergence: of posterior and prior.
        overshooting: what is asked of predictions over several steps; nothing by default.
    """

    def __init__(self, divergence: Divergence | None = None, overshooting: Overshooting | None = None) -> None:
        super().__init__()
        self.divergence = Divergence() if divergence is None else divergence
        self.overshooting = overshooting

    def forward(
        self, world_model: LatentWorldModel, inferred: Inferred, batch: TensorDictBase, counts: Tensor
    ) -> dict[str, Tensor]:
        nats = world_model.observation.log_likelihood(inferred.state, batch["observation"])
        losses = {f"nats_{name}": -weighted_mean(value, counts) for name, value in nats.items()}
        losses |= self.divergence(world_model.dynamics.latent, inferred, counts)
        if self.overshooting is not None:
            losses |= self.overshooting(world_model.dynamics, inferred, batch, counts)
        return losses
