"""Lambda returns along recorded rewards, with imagined returns as the values.

    G_t = r_{t+1} + gamma c_{t+1} [ (1 - lambda) b_{t+1} + lambda G_{t+1} ]        G = b at the last frame of an episode
                                                                                   and of the sequence

c_{t+1} is 0 where the task ended at t + 1, and b_t the return that a policy would have from s_t on, as imagined: the
rewards are those of an older policy, so b says how the present one would go on. Hafner et al. 2023 (DreamerV3), section
"Critic learning".
"""

import torch
from torch import Tensor

from .lambda_return import lambda_return


def replay_return(
    reward: Tensor, terminated: Tensor, is_init: Tensor, imagined: Tensor, discount: float, lambda_: float
) -> Tensor:
    """G `[L - 1, *B]` of all frames but the last; where an episode ends there, what is imagined from there.

    Args:
        reward: r `[L, *B]`, on arriving at a frame.
        terminated: `[L, *B]`, bool: the task ended there.
        is_init: `[L, *B]`, bool: an episode begins there, so no step leads to it.
        imagined: b `[L, *B]`.
        discount: gamma.
        lambda_: lambda.
    """
    inside = ~is_init[1:]
    rewards = torch.where(inside, reward[1:], imagined[:-1])
    discounts = discount * (inside & ~terminated[1:]).to(reward.dtype)
    return lambda_return(rewards, discounts, imagined[1:], lambda_)
