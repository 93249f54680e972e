"""The Gaussian log-likelihood with a predicted variance, and soft bounds on that variance.

    -log N(x; mu, sigma^2) = 1/2 [ log(2 pi) + log sigma^2 + (x - mu)^2 / sigma^2 ]        nats, per dimension

Chua et al. 2018 (PETS), section 4 and appendix A.1 for the bounds.
"""

import math

from torch import Tensor
from torch.nn.functional import softplus


def gaussian_nll(x: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """Negative log-likelihood of `x` in nats, element by element; all arguments broadcast to one shape."""
    return 0.5 * (math.log(2 * math.pi) + log_var + (x - mean).square() * (-log_var).exp())


def soft_bound(log_var: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Keeps `log_var` strictly between `low` and `high`, with a gradient everywhere.

    Outside the training data a network's variance output is arbitrary; without bounds it collapses or explodes there.
    """
    log_var = high - softplus(high - log_var)
    return low + softplus(log_var - low)
