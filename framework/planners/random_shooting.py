"""Random shooting: sample N plans, execute the best.

    a^i_{0:H} ~ N(mu, sigma^2)        a* = argmax_i J(a^i)

Rao 2009, section on shooting methods; Nagabandi et al. 2018, section IV.C.
"""

import torch

from .planner import BoundObjective, Plan, Planner, candidates_around, finite


class RandomShooting(Planner):
    """The best of N random plans; the first candidate is the last plan shifted.

    Args:
        candidates: N.
        horizon: H.
        initial_std: of the samples around the prior's mean.
    """

    def __init__(self, candidates: int = 500, horizon: int = 25, initial_std: float = 1.0) -> None:
        super().__init__(horizon, initial_std)
        if candidates < 1:
            raise ValueError(f"candidates: need at least 1, got {candidates}")
        self.candidates = candidates

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        actions = candidates_around(prior, self.candidates, generator)  # [B, N, H, A]
        best = finite(objective(actions)).argmax(1)  # [B]
        chosen = actions[torch.arange(len(best), device=best.device), best]  # [B, H, A]
        return Plan(chosen, chosen, prior.std)
