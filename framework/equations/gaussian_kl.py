"""The Kullback-Leibler divergence between diagonal Gaussians.

    KL(N(mu, sigma^2) || N(m, s^2)) = log(s / sigma) + (sigma^2 + (mu - m)^2) / (2 s^2) - 1/2        nats, per dimension

Kullback and Leibler 1951; the complexity cost of Bayes by backprop, Blundell et al. 2015, section 3.
"""

import torch
from torch import Tensor


def gaussian_kl(mean: Tensor, log_std: Tensor, prior_mean: Tensor, prior_log_std: Tensor) -> Tensor:
    """Element by element; all arguments broadcast to one shape."""
    square = torch.exp(2 * (log_std - prior_log_std)) + ((mean - prior_mean) * torch.exp(-prior_log_std)).square()
    return prior_log_std - log_std + 0.5 * (square - 1)
