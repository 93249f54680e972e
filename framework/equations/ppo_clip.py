"""PPO's clipped objective: several updates from the same data, none of which gains by leaving the policy that made it.

    rho = pi(a | s) / pi_old(a | s)        loss = - min( rho A, clip(rho, 1 - epsilon, 1 + epsilon) A )

Schulman et al. 2017, equation 7. At rho = 1 its gradient is REINFORCE's.
"""

import torch
from torch import Tensor


def ppo_clip(log_prob: Tensor, old_log_prob: Tensor, advantage: Tensor, epsilon: float) -> Tensor:
    """The loss `[*B]` of log pi and log pi_old `[*B]` and advantages `[*B]`; only log pi has a gradient."""
    ratio = (log_prob - old_log_prob.detach()).exp()
    advantage = advantage.detach()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - epsilon, 1 + epsilon) * advantage)
