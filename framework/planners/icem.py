"""iCEM, a sample-efficient cross-entropy method: coloured noise, memory, and fewer samples as the search narrows.

    j = 1..J:   N_j = max(N gamma^(1-j), 2 K) plans mu + sigma y,  y coloured noise of exponent beta, clipped
                j = 1: and the kept elites of the last step, shifted     j > 1: and those of the last iteration
                j = J: and mu itself, as one of the N_j
                mu, sigma <- alpha (mu, sigma) + (1 - alpha) (mean, std) of the K best
    execute the best plan seen

Pinneri et al. 2020, "Sample-efficient Cross-Entropy Method for Real-time Planning", algorithm 1.
A plan's return does not change within a search, so kept elites keep theirs instead of being evaluated again. Shifted
elites repeat their last action; at the first step of an episode they are the zero plan.
"""

import torch
from torch import Tensor

from .planner import BoundObjective, Plan, Planner, best, samples_around


class ICEM(Planner):
    """The improved cross-entropy method; executes the best plan seen.

    Args:
        candidates: N, of the first iteration.
        elites: K.
        iterations: J.
        horizon: H.
        exponent: beta of the noise; 0 is white, 2 to 3 suits slow systems.
        alpha: share of the old mean and deviation that each refit keeps.
        initial_std: sigma before the first iteration.
        kept_share: share of the elites that the next iteration and the next step try again.
        decay: gamma, by which each iteration has fewer samples.

    Raises:
        ValueError: unless 1 <= K <= N, J >= 1, 0 <= alpha < 1, 0 <= kept_share <= 1 and gamma >= 1.
    """

    def __init__(
        self,
        candidates: int = 40,
        elites: int = 10,
        iterations: int = 3,
        horizon: int = 20,
        exponent: float = 2.0,
        alpha: float = 0.1,
        initial_std: float = 0.5,
        kept_share: float = 0.3,
        decay: float = 1.25,
    ) -> None:
        super().__init__(horizon, initial_std, kept=round(kept_share * elites))
        if not 1 <= elites <= candidates:
            raise ValueError(f"elites: need 1 <= elites <= candidates, got {elites} and {candidates}")
        if iterations < 1 or not 0 <= alpha < 1:
            raise ValueError(f"need iterations >= 1 and 0 <= alpha < 1, got {iterations} and {alpha}")
        if not 0 <= kept_share <= 1 or decay < 1:
            raise ValueError(f"need 0 <= kept_share <= 1 and decay >= 1, got {kept_share} and {decay}")
        self.elites, self.exponent, self.alpha = elites, exponent, alpha
        shrinking = (round(candidates * decay**-j) for j in range(iterations))
        self.sizes = [min(candidates, max(size, 2 * elites)) for size in shrinking]  # N_1 ... N_J

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        plan, M = prior, self.kept
        known: tuple[Tensor, Tensor] | None = None  # the elites that stay, and their returns
        for j, size in enumerate(self.sizes):
            actions = samples_around(plan, size, generator, self.exponent)  # [B, N_j, H, A]
            if j == len(self.sizes) - 1:
                actions[:, 0] = plan.mean
            if j == 0 and prior.kept is not None:
                actions = torch.cat([prior.kept, actions], 1)
            returns = objective(actions)
            if known is not None:
                actions, returns = torch.cat([known[0], actions], 1), torch.cat([known[1], returns], 1)
            elites, values = best(actions, returns, self.elites)  # [B, K, H, A], [B, K]
            known = elites[:, :M], values[:, :M]
            mean = plan.mean.lerp(elites.mean(1), 1 - self.alpha)
            std = plan.std.lerp(elites.std(1, unbiased=False), 1 - self.alpha)
            plan = Plan(elites[:, 0], mean, std, known[0])
        return plan
