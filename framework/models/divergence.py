"""How far a sequence's posterior may be from its prior, see `equations/kl_balance.py`."""

from torch import Tensor, nn

from ..equations.kl_balance import PER, balanced_kl
from .latent import Latent
from .latent_heads import weighted_mean
from .posterior import Inferred


class Divergence(nn.Module):
    """The balanced KL of a sequence's frames, with free nats.

    PlaNet: (1, 1) with 3 free nats; DreamerV2: (0.8, 0.2); DreamerV3: (1, 0.1) with 1.

    Args:
        to_prior: weight of the term that trains the prior.
        to_posterior: of the one that trains the posterior.
        free_nats: below which there is nothing to gain.
        per: what they are free for: each frame, each variable, or the batch.

    Raises:
        ValueError: for negative numbers or another word.
    """

    def __init__(
        self, to_prior: float = 1.0, to_posterior: float = 1.0, free_nats: float = 0.0, per: str = "frame"
    ) -> None:
        super().__init__()
        for name, number in (("to_prior", to_prior), ("to_posterior", to_posterior), ("free_nats", free_nats)):
            if number < 0:
                raise ValueError(f"{name}: need at least 0, got {number}")
        if per not in PER:
            raise ValueError(f"per: need one of {', '.join(PER)}, got {per!r}")
        self.to_prior, self.to_posterior, self.free_nats, self.per = to_prior, to_posterior, free_nats, per

    def forward(self, latent: Latent, inferred: Inferred, counts: Tensor) -> dict[str, Tensor]:
        """`kl`, the mean where `counts [B, L]` is 1, and over the members of an ensemble."""
        q = inferred.posterior.expand_as(inferred.prior)
        kl = balanced_kl(latent.kl, q, inferred.prior, self.to_prior, self.to_posterior, self.free_nats, self.per)
        return {"kl": weighted_mean(kl.view(-1, *counts.shape).mean(0), counts)}
