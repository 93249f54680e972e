"""Random shooting: sample N plans, execute the best.

    a^i_{0:H} ~ N(mu, sigma^2), or of discrete actions Categorical(p)        a* = argmax_i J(a^i)

Rao 2009, section on shooting methods; Nagabandi et al. 2018, section IV.C.
"""

import torch

from .planner import Asked, BoundObjective, Plan, Planner, best
from .search_distribution import Categorical, Gaussian, SearchDistribution


class RandomShooting(Planner):
    """The best of N random plans; the first candidate is the last plan shifted.

    Args:
        candidates: N.
        horizon: H.
        initial_std: of the samples around the prior's mean; of discrete actions the share that is drawn uniformly,
            the others are the prior's.
        discrete_actions: whether an action is one of A.
    """

    def __init__(
        self, candidates: int = 500, horizon: int = 25, initial_std: float = 1.0, discrete_actions: bool = False
    ) -> None:
        super().__init__(horizon, initial_std, discrete_actions)
        if candidates < 1:
            raise ValueError(f"candidates: need at least 1, got {candidates}")
        self.candidates = candidates
        self.distribution: SearchDistribution = Categorical(initial_std, 0.0) if discrete_actions else Gaussian(0.0)

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        start = self.distribution.start(prior)
        drawn = self.distribution.sample(start, self.candidates, generator)
        actions, returns = Asked(objective, prior.kept)(drawn)  # [B, N, H, A], [B, N]
        chosen = best(actions, returns, 1)[0][:, 0]  # [B, H, A]
        return Plan(chosen, chosen, prior.std)
