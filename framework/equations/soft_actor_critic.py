"""Soft actor-critic: values that count the policy's entropy, and a policy that is greedy in them.

    V(s') = min_i Q'_i(s', a') - alpha log pi(a' | s'),  a' ~ pi(. | s')         Q' the slow copies
    y     = r + gamma (1 - d) V(s')                                              d: the task ended at s'
    J_Q   = sum_i E 1/2 (Q_i(s, a) - y)^2
    J_pi  = E [ alpha log pi(a | s) - min_i Q_i(s, a) ],  a ~ pi(. | s)
    J_alpha = E [ -log alpha (log pi(a | s) + H) ]                               H: the entropy wanted

Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications", equations 5, 7, 9 and 18; the temperature's loss
is that of the authors' code, in log alpha, whose gradient has the sign of the paper's and the same root. A time limit
is no end: d is `terminated`.
"""

from torch import Tensor


def soft_value(q: Tensor, log_prob: Tensor, alpha: Tensor) -> Tensor:
    """min_i Q_i - alpha log pi `[*B]`, for Q `[M, *B]` of a drawn action and its log pi `[*B]`."""
    return q.amin(0) - alpha * log_prob


def discounted(reward: Tensor, terminated: Tensor, following: Tensor, discount: float) -> Tensor:
    """r + gamma (1 - d) V `[*B]`, of entries `[*B]`; `terminated` is 0 or 1."""
    return reward + discount * (1 - terminated) * following


def actor_loss(q: Tensor, log_prob: Tensor, alpha: Tensor) -> Tensor:
    """J_pi, a scalar; Q `[M, *B]` and log pi `[*B]` with the gradient of the draw, alpha without one."""
    return -soft_value(q, log_prob, alpha).mean()


def temperature_loss(log_alpha: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """J_alpha, a scalar, with a gradient in log alpha alone."""
    return -log_alpha * (log_prob.detach().mean() + target_entropy)
