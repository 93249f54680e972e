"""The single-step posterior q(s_t | o_t): the state is read from the present observation alone.

Right where an observation shows the whole state, as stacked frames do; what no single observation shows it cannot know.
All frames are inferred at once, since nothing is remembered. Watter et al. 2015 (embed to control), section 2.2;
with the prior of a sequence: Krishnan et al. 2017, section 4, "q-INDEP".
"""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor, nn

from .latent import Latent
from .latent_dynamics import LatentDynamics
from .posterior import Filtered, Inferred, Posterior
from .trunk import Trunk


class SingleStep(Posterior):
    """A perceptron from the features to the statistics of z. It filters without a memory.

    Args:
        hidden: sizes of the layers; none for a linear map.
        activation, layer_norm: see `Trunk`.
    """

    latent: Latent
    trunk: Trunk
    output: nn.Linear

    def __init__(self, hidden: Sequence[int] = (200,), activation: str = "silu", layer_norm: bool = True) -> None:
        super().__init__()
        self.hidden, self.activation, self.layer_norm = hidden, activation, layer_norm

    def build(self, features: int, action_size: int, dynamics: LatentDynamics) -> Self:
        """See `Posterior`.

        Raises:
            ValueError: for dynamics with a deterministic part, which one observation alone does not tell.
        """
        if dynamics.deterministic_size:
            raise ValueError(
                f"posterior: SingleStep needs dynamics with deterministic_size 0, got {dynamics.deterministic_size}"
            )
        return self.made_for(features, dynamics.latent)

    def made_for(self, features: int, latent: Latent) -> Self:
        """Makes the network for features of size F and a family of states, without dynamics."""
        self.latent = latent
        self.trunk = Trunk(features, self.hidden, self.activation, self.layer_norm)
        self.output = nn.Linear(self.trunk.size, latent.statistics)
        return self

    def statistics(self, features: Tensor) -> Tensor:
        """`[*B, Q]` of q(s | o) for features `[*B, F]`."""
        return self.latent.read(self.output(self.trunk(features)))

    def infer(
        self, dynamics: LatentDynamics, features: Tensor, action: Tensor, is_init: Tensor, noise: Tensor | None
    ) -> Inferred:
        posterior = self.statistics(features)  # [B, L, Q]
        state = self.latent.sample(posterior, noise)  # [B, L, S]
        before = torch.cat([dynamics.initial(state[:, :1]), state[:, :-1]], 1)
        members = dynamics.members
        theta = dynamics.sample_parameters(members)
        hidden = dynamics.advance(before.expand(members, *before.shape), action.expand(members, *action.shape), theta)
        begins = is_init.clone()  # [B, L, 1]
        begins[:, 0] = True
        prior = torch.where(begins, dynamics.first(state), dynamics.prior(hidden, theta))  # [E, B, L, Q]
        return Inferred(state, posterior, prior if members > 1 else prior[0], {})

    def filter(
        self,
        dynamics: LatentDynamics,
        memory: Tensor,
        action: Tensor,
        features: Tensor,
        is_init: Tensor,
        noise: Tensor | None = None,
    ) -> Filtered:
        statistics = self.statistics(features)
        return Filtered(self.latent.sample(statistics, noise), statistics, memory)
