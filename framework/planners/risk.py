"""What a plan is worth when its particles disagree: beside their mean return, two ways of being careful.

    mean            1/P sum_p J_p
    lower bound     mean_p J_p - kappa std_p J_p
    CVaR_alpha      the mean of the worst share alpha of the J_p

Particles differ by their draw of the parameters and by their noise, so this is caution against both uncertainties.
Rockafellar and Uryasev 2000 (CVaR); the lower bound after Auer et al. 2002, with its sign turned.
"""

import math
from abc import ABC, abstractmethod

from torch import Tensor


class Risk(ABC):
    """From the returns of P particles to one number."""

    @abstractmethod
    def __call__(self, returns: Tensor) -> Tensor:
        """`[P, B, N]` -> `[B, N]`."""


class LowerConfidenceBound(Risk):
    """The mean less kappa standard deviations; a negative kappa is optimism (an upper bound).

    Args:
        kappa: how many standard deviations.
    """

    def __init__(self, kappa: float = 1.0) -> None:
        self.kappa = kappa

    def __call__(self, returns: Tensor) -> Tensor:
        variance = returns.var(0, unbiased=False)
        return returns.mean(0) - self.kappa * variance.clamp_min(1e-12).sqrt()  # a root has no slope at 0


class CVaR(Risk):
    """The conditional value at risk: the mean over the worst share of the particles; exact for a share of one, too.

    Args:
        alpha: the share, in (0, 1]; 1 is the mean, and one particle's share or less is the worst of them.

    Raises:
        ValueError: unless 0 < alpha <= 1.
    """

    def __init__(self, alpha: float = 0.2) -> None:
        if not 0 < alpha <= 1:
            raise ValueError(f"alpha: need 0 < alpha <= 1, got {alpha}")
        self.alpha = alpha

    def __call__(self, returns: Tensor) -> Tensor:
        share = max(1.0, self.alpha * len(returns))  # of particles, the last of which may count in part
        worst = returns.topk(math.ceil(share - 1e-6), 0, largest=False).values  # [ceil(alpha P), B, N], the worst first
        counts = worst.new_ones(len(worst))
        counts[-1] -= len(worst) - share
        return (counts[:, None, None] * worst).sum(0) / share
