"""The complexity of a latent state, KL(q || p), as world models weigh it: free nats and balance.

    free nats    max(KL, n): nothing is gained by a divergence below n
    balance      alpha_p max(KL(sg(q) || p), n) + alpha_q max(KL(q || sg(p)), n)

with sg the stop-gradient: the first term draws the prior to the posterior, the second the posterior to the prior.
PlaNet (Hafner et al. 2019) has no balance, which has the gradient of alpha_p = alpha_q = 1, and n = 3 of the frame's
sum. DreamerV2 (2021, section 2.1 and algorithm 2) has alpha_p = 0.8 and alpha_q = 0.2, its code n of the batch's mean.
DreamerV3 (2023, "World model learning") has n = 1 of the frame's sum, its code alpha_p = 1 and alpha_q = 0.1.
"""

from collections.abc import Callable

from torch import Tensor

Divergence = Callable[[Tensor, Tensor], Tensor]  # statistics q, p [*B, Q] -> KL of each variable [*B, V], in nats
PER = ("frame", "variable", "batch")


def free_nats(kl: Tensor, nats: float, per: str = "frame") -> Tensor:
    """The divergence `[*B]` of which `nats` are free, for `[*B, V]`; it has no gradient below them.

    Args:
        kl: of each variable.
        nats: n, at least 0.
        per: what they are free for: each "frame", the sum over its variables; each "variable"; or the "batch", the mean
            of the frames' sums, which every frame then has.

    Raises:
        ValueError: for another word, or fewer than 0 nats.
    """
    if per not in PER:
        raise ValueError(f"per: need one of {', '.join(PER)}, got {per!r}")
    if nats < 0:
        raise ValueError(f"nats: need at least 0, got {nats}")
    if per == "variable":
        return kl.clamp_min(nats).sum(-1)
    total = kl.sum(-1)
    return total.mean().clamp_min(nats).expand_as(total) if per == "batch" else total.clamp_min(nats)


def balanced_kl(
    divergence: Divergence, q: Tensor, p: Tensor, to_prior: float, to_posterior: float, nats: float, per: str = "frame"
) -> Tensor:
    """The balanced divergence `[*B]`, for statistics `[*B, Q]`.

    Args:
        divergence: of the family that the statistics are of.
        q: the posterior's statistics.
        p: the prior's.
        to_prior: alpha_p, the weight of the term that trains the prior.
        to_posterior: alpha_q, of the one that trains the posterior.
        nats: free in each of both.
        per: see `free_nats`.
    """
    prior_term = free_nats(divergence(q.detach(), p), nats, per)
    posterior_term = free_nats(divergence(q, p.detach()), nats, per)
    return to_prior * prior_term + to_posterior * posterior_term
