"""Generalised advantage estimation: how much better an action was than the policy's average, from what followed it.

    delta_t = r_{t+1} + gamma_{t+1} v(s_{t+1}) - v(s_t)        A_t = delta_t + gamma_{t+1} lambda A_{t+1},  A_T = 0

Schulman et al. 2016, equation 16; gamma_{t+1} is 0 where the task ended on arriving at s_{t+1}. Lambda 0 trusts the
value after one step, lambda 1 is the return less the baseline v(s_t) (REINFORCE).
"""

import torch
from torch import Tensor

LEAST = 1e-8  # deviation that advantages are divided by


def gae(reward: Tensor, discount: Tensor, value: Tensor, next_value: Tensor, lambda_: float) -> Tensor:
    """A `[T, *B]` of rewards r_{t+1}, discounts gamma_{t+1}, values v(s_t) and v(s_{t+1}), all `[T, *B]`."""
    delta = torch.addcmul(reward - value, discount, next_value)
    decay = lambda_ * discount
    following = torch.zeros_like(delta[0])
    advantages = []
    for given, factor in zip(reversed(delta.unbind(0)), reversed(decay.unbind(0)), strict=True):
        following = torch.addcmul(given, factor, following)
        advantages.append(following)
    return torch.stack(advantages[::-1])


def standardized(advantage: Tensor) -> Tensor:
    """(A - mean A) / std A over all of them: their unit is gone, and a bias of the value that all states share."""
    std, mean = torch.std_mean(advantage, correction=0)
    return (advantage - mean) / (std + LEAST)
