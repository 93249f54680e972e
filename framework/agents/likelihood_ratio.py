"""The likelihood-ratio gradient: REINFORCE on imagined rollouts, with the value as baseline.

    grad J = E[ sum_{t < H} w_t A_t grad log pi(a_t | s_t) ]

It needs no gradient of the model, so neither bends nor kinks of the dynamics nor discrete actions disturb it; its
variance grows with the horizon and shrinks with the number of rollouts, which cost nothing but computing.
Williams 1992; Schulman et al. 2016 (GAE: the dream's lambda, 1 for REINFORCE with a baseline).
"""

import torch
from tensordict import TensorDictBase

from ..equations.reinforce import reinforce
from ..policies.policy import Policy
from .dream import following
from .policy_gradient import Learner, Lesson, PolicyGradient


class LikelihoodRatio(PolicyGradient):
    """Makes what turned out well more probable.

    Args:
        standardize: whether advantages are given mean 0 and standard deviation 1 in each update (Andrychowicz et al.
            2021, section 3.3): then one weight of the entropy serves rewards of any size, and the loss's gradient is
            that of -J divided by the deviation.
    """

    def __init__(self, standardize: bool = False) -> None:
        self.standardize = standardize

    def check(self, policy: Policy) -> None:
        """Raises `ValueError` for a policy without a density."""
        needs_density(policy, self)

    def lesson(self, learner: Learner, batch: TensorDictBase, horizon: int | None = None) -> Lesson:
        world_model, policy, value, dream = learner
        with torch.no_grad():
            rollout = dream.imagine(world_model, dream.begun(batch), following(policy), horizon)
        log_prob = policy(rollout.state).log_prob(rollout.action)  # [H, B]
        advantage = dream.advantages(rollout, value, self.standardize)
        loss = (rollout.weight * reinforce(log_prob, advantage)).sum(0).mean()
        return Lesson(loss, rollout.state, dream.returns(rollout, value), rollout.weight)


def needs_density(policy: Policy, estimator: PolicyGradient) -> None:
    """Raises `ValueError` for a policy without a density."""
    if not policy.has_density:
        who, what = type(estimator).__name__, type(policy).__name__
        raise ValueError(f"estimator: {who} needs a policy with a density, got {what}; Pathwise needs none")
