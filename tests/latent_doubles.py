"""A small latent world model, and sequences to fit it to."""

import torch
from tensordict import TensorDict

from fulgurite.models.latent import GaussianLatent
from fulgurite.models.latent_ensemble import LatentEnsemble
from fulgurite.models.latent_heads import LatentReward, LatentTermination
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.observation import ObservationModel
from fulgurite.models.sequence_objective import SequenceObjective
from fulgurite.models.single_step import SingleStep

B, L, O, A, Z = 3, 6, 2, 1, 4


def model(
    objective: SequenceObjective | None = None, burn_in: int = 0, members: int = 2, actions: int = A
) -> LatentWorldModel:
    torch.manual_seed(0)
    return LatentWorldModel(
        actions, ObservationModel((O,)), SingleStep([16]), LatentEnsemble(actions, GaussianLatent(Z), members, [16]),
        LatentReward(hidden=[16]), LatentTermination(hidden=[16]), objective, burn_in,
    )  # fmt: skip


def sequences(begins: tuple[int, ...] = ()) -> TensorDict:
    """Sequences in which episodes begin at these frames."""
    torch.manual_seed(1)
    is_init = torch.zeros(B, L, 1, dtype=torch.bool)
    is_init[:, list(begins)] = True
    return TensorDict(
        {
            "observation": torch.randn(B, L, O),
            "previous_action": torch.rand(B, L, A).masked_fill(is_init, 0.0),
            "reward": torch.randn(B, L, 1).masked_fill(is_init, 0.0),
            "terminated": torch.rand(B, L, 1) > 0.8,
            "is_init": is_init,
        },
        [B],
    )
