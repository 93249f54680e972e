"""REINFORCE: the policy gradient as the gradient of a loss, the likelihood-ratio or score-function estimator.

    loss_t = - A_t log pi(a_t | s_t)        E grad loss_t = - E[ A_t grad log pi(a_t | s_t) ]

A_t is how much better what followed was than a baseline of s_t, and has no gradient.
Williams 1992; Sutton and Barto 2018, section 13.4.
"""

from torch import Tensor


def reinforce(log_prob: Tensor, advantage: Tensor) -> Tensor:
    """The loss `[*B]` of log pi(a | s) `[*B]` with a gradient, and advantages `[*B]`."""
    return -advantage.detach() * log_prob
