"""The cross-entropy method: refit a Gaussian over plans to its best samples.

    repeat J times:   a^i ~ N(mu, sigma^2), i = 1..N        elites = the K of highest return
                      mu    <- alpha mu    + (1 - alpha) mean(elites)
                      sigma <- alpha sigma + (1 - alpha) std(elites)

Rubinstein 1999; De Boer et al. 2005, section 3; for planning with learned models Chua et al. 2018 (PETS), section 6.
Samples are clamped to the bounds instead of truncated: many optimal plans are bang-bang, and a clamped normal reaches
the bounds with positive probability.
"""

import torch

from .planner import BoundObjective, Plan, Planner, candidates_around, finite


class CEM(Planner):
    """The cross-entropy method; executes the mean.

    Args:
        candidates: N.
        elites: K.
        iterations: J.
        horizon: H.
        alpha: share of the old mean and deviation that each refit keeps.
        initial_std: sigma before the first iteration.
        min_std: lower bound of sigma, so that the search does not die at a chance elite.

    Raises:
        ValueError: unless 1 <= K <= N, J >= 1 and 0 <= alpha < 1.
    """

    def __init__(
        self,
        candidates: int = 400,
        elites: int = 40,
        iterations: int = 5,
        horizon: int = 25,
        alpha: float = 0.1,
        initial_std: float = 0.5,
        min_std: float = 0.05,
    ) -> None:
        super().__init__(horizon, initial_std)
        if not 1 <= elites <= candidates:
            raise ValueError(f"elites: need 1 <= elites <= candidates, got {elites} and {candidates}")
        if iterations < 1 or not 0 <= alpha < 1:
            raise ValueError(f"need iterations >= 1 and 0 <= alpha < 1, got {iterations} and {alpha}")
        self.candidates, self.elites, self.iterations = candidates, elites, iterations
        self.alpha, self.min_std = alpha, min_std

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        _, mean, std = prior
        for _ in range(self.iterations):
            actions = candidates_around(Plan(mean, mean, std), self.candidates, generator)  # [B, N, H, A]
            best = finite(objective(actions)).topk(self.elites, 1).indices  # [B, K]
            elites = actions.gather(1, best[..., None, None].expand(-1, -1, *actions.shape[2:]))  # [B, K, H, A]
            mean = mean.lerp(elites.mean(1), 1 - self.alpha)
            std = std.lerp(elites.std(1, unbiased=False), 1 - self.alpha).clamp_min(self.min_std)
        return Plan(mean, mean, std)
