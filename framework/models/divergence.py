"""How far the posterior may be from the prior: the KL of a frame, balanced, with free nats.

    L = c_dyn max(n, KL(sg(q) || p)) + c_rep max(n, KL(q || sg(p)))        sg: no gradient

The first term teaches the prior, the second restrains the posterior. (1, 1): the gradient of PlaNet's KL (Hafner et al.
2019); (0.8, 0.2): DreamerV2 (2021, section 2); (1, 0.1) with n = 1: DreamerV3 (2023, equation 5).
"""

from torch import Tensor, nn

from .latent import Latent
from .latent_heads import weighted_mean
from .posterior import Inferred


class Divergence(nn.Module):
    """The KL of a sequence's frames.

    Args:
        dynamics: c_dyn.
        representation: c_rep.
        free_nats: n, of all of z together: below it there is nothing to gain.
        per_variable: whether n is shared out: each variable has n / V of its own.

    Raises:
        ValueError: for negative numbers.
    """

    def __init__(
        self,
        dynamics: float = 1.0,
        representation: float = 1.0,
        free_nats: float = 0.0,
        per_variable: bool = False,
    ) -> None:
        super().__init__()
        for name, number in (("dynamics", dynamics), ("representation", representation), ("free_nats", free_nats)):
            if number < 0:
                raise ValueError(f"{name}: need at least 0, got {number}")
        self.dynamics, self.representation = dynamics, representation
        self.free_nats, self.per_variable = free_nats, per_variable

    def forward(self, latent: Latent, inferred: Inferred, counts: Tensor) -> dict[str, Tensor]:
        """`kl_dynamics` and `kl_representation`, where `counts [B, L]` is 1."""
        q, p = inferred.posterior, inferred.prior
        return {
            "kl_dynamics": self.dynamics * self.mean(latent, q.detach(), p, counts),
            "kl_representation": self.representation * self.mean(latent, q, p.detach(), counts),
        }

    def mean(self, latent: Latent, q: Tensor, p: Tensor, counts: Tensor) -> Tensor:
        """Over frames, and over the members of an ensemble `p [E, B, L, Q]`."""
        each = latent.kl(q, p)  # [(E,) B, L, V]
        if self.per_variable:
            kl = each.clamp_min(self.free_nats / latent.variables).sum(-1)
        else:
            kl = each.sum(-1).clamp_min(self.free_nats)
        return weighted_mean(kl.view(-1, *counts.shape).mean(0), counts)
