"""Lambda returns: a mixture of all n-step returns.

    G_t = r_{t+1} + gamma_{t+1} [ (1 - lambda) v(s_{t+1}) + lambda G_{t+1} ]        G_T = v(s_T)

Sutton and Barto 2018, section 12.1; gamma_{t+1} is 0 where the task ended on arriving at s_{t+1}. Lambda 0 is one step
of temporal differences, lambda 1 the sum of all rewards and the last value.
"""

import torch
from torch import Tensor


def lambda_return(reward: Tensor, discount: Tensor, next_value: Tensor, lambda_: float) -> Tensor:
    """G `[T, *B]` of rewards r_{t+1}, discounts gamma_{t+1} and values v(s_{t+1}), all `[T, *B]`."""
    direct = reward + (1 - lambda_) * discount * next_value
    decay = lambda_ * discount
    following = next_value[-1]
    returns = []
    for given, factor in zip(reversed(direct.unbind(0)), reversed(decay.unbind(0)), strict=True):
        following = torch.addcmul(given, factor, following)
        returns.append(following)
    return torch.stack(returns[::-1])
