"""Total propagation's mix of two estimates of one gradient, each weighted by the inverse of its variance.

    g = k g_LR + (1 - k) g_RP        k = V[g_RP] / (V[g_RP] + V[g_LR])

for the likelihood-ratio and the reparameterised (pathwise) gradient in the parameters of one distribution, a node of
the graph that a rollout is; V is the variance over samples. Done at every node on the way back, the mix is what is
propagated further. Parmas et al. 2018 (PIPPS), algorithm 1, where k is one number a step, from the variance of the
gradient in the policy's weights; here, as in Parmas, Seno and Aoki 2023 (TPX), each coordinate of a node has its own k,
from the variance at the node, which costs no gradient for each sample. k comes from the same samples, so the mix has a
bias that falls with their number.
"""

import torch
from torch import Tensor


def inverse_variance_mix(likelihood_ratio: Tensor, pathwise: Tensor) -> Tensor:
    """g `[N, K]` of two gradients `[N, K]`, one row a sample; where the pathwise one is not finite, the other alone."""
    v_lr, v_rp = likelihood_ratio.var(0, correction=0), pathwise.var(0, correction=0)  # [K]
    share = v_rp / (v_rp + v_lr).clamp_min(torch.finfo(v_rp.dtype).tiny)
    mixed = torch.lerp(pathwise, likelihood_ratio, share)
    return torch.where(v_rp.isfinite(), mixed, likelihood_ratio)
