"""An ensemble as the prior over latent states without memory: z' ~ N(z + f_theta(z, a), sigma_theta(z, a)^2).

The members start apart and see the same batches. What they disagree about is what too few sequences told: the ensemble
of PETS (Chua et al. 2018, section 4) in the latent space of an autoencoder.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from .latent import GaussianLatent
from .latent_dynamics import LatentDynamics
from .networks import MLP, Layers, evaluate, squeezed


class LatentEnsemble(LatentDynamics):
    """E perceptrons over (z, a).

    Args:
        action_size: A.
        latent: of z; its standard deviation here is the prior's.
        members: E.
        hidden: sizes of the hidden layers.
        activation: between them.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: for no members.
    """

    def __init__(
        self,
        action_size: int,
        latent: GaussianLatent | None = None,
        members: int = 5,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        if members < 1:
            raise ValueError(f"members: need at least 1, got {members}")
        latent = GaussianLatent() if latent is None else latent
        super().__init__(
            latent, learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip
        )  # fmt: skip
        self.members = members
        self.activation = activation
        self.network = MLP(latent.size + action_size, latent.statistics, hidden, members, activation)

    def sample_parameters(self, particles: int, generator: torch.Generator | None = None) -> Layers:
        """Members in equal shares where P allows, else P of them, as even as can be; each serves a block."""
        if particles % self.members == 0:
            return squeezed(self.network.layers())
        device = self.device
        shuffled = torch.randperm(self.members, generator=generator, device=device)
        chosen = shuffled.repeat(-(-particles // self.members))[:particles].sort().values
        return squeezed(self.network.layers(chosen))

    def advance(self, state: Tensor, action: Tensor, theta: Layers) -> Tensor:
        """The raw statistics `[P, *B, Q]` of z'."""
        x = torch.cat([state, action], -1)
        first = theta[0][0]
        rows = x.reshape(*first.shape[:-2], -1, x.shape[-1])  # [M, P / M * B, S + A], without M where it is one
        raw = evaluate(theta, rows, self.activation).view(*x.shape[:-1], -1)
        change, raw_std = raw.split(self.latent.size, -1)
        return torch.cat([state + change, raw_std], -1)

    def prior(self, hidden: Tensor, theta: Layers) -> Tensor:
        return self.latent.read(hidden)
