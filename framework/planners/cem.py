"""The cross-entropy method: refit a distribution over plans to its best samples.

    repeat J times:   a^i ~ N(mu, sigma^2), i = 1..N        elites = the K of highest return
                      mu    <- alpha mu    + (1 - alpha) mean(elites)
                      sigma <- alpha sigma + (1 - alpha) std(elites)

Discrete actions: a^i_t ~ Categorical(p_t) and p <- alpha p + (1 - alpha) frequency among the elites.
Rubinstein 1999; De Boer et al. 2005, section 3; for planning with learned models Chua et al. 2018 (PETS), section 6.
Samples are clamped to the bounds instead of truncated: many optimal plans are bang-bang, and a clamped normal reaches
the bounds with positive probability.
"""

import torch

from .planner import Asked, BoundObjective, Plan, Planner, best
from .search_distribution import Categorical, Gaussian, SearchDistribution


class CEM(Planner):
    """The cross-entropy method; executes the mean, or the most probable actions.

    Args:
        candidates: N.
        elites: K.
        iterations: J.
        horizon: H.
        alpha: share of the old mean and deviation that each refit keeps.
        initial_std: sigma before the first iteration; of discrete actions the share that is first drawn uniformly.
        min_std: lower bound of sigma, so that the search does not die at a chance elite; of discrete actions the share
            that is always drawn uniformly.
        discrete_actions: whether an action is one of A.

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
        discrete_actions: bool = False,
    ) -> None:
        super().__init__(horizon, initial_std, discrete_actions)
        if not 1 <= elites <= candidates:
            raise ValueError(f"elites: need 1 <= elites <= candidates, got {elites} and {candidates}")
        if iterations < 1 or not 0 <= alpha < 1:
            raise ValueError(f"need iterations >= 1 and 0 <= alpha < 1, got {iterations} and {alpha}")
        self.candidates, self.elites, self.iterations, self.alpha = candidates, elites, iterations, alpha
        self.distribution: SearchDistribution = (
            Categorical(initial_std, min_std) if discrete_actions else Gaussian(min_std)
        )

    def plan(self, objective: BoundObjective, prior: Plan, generator: torch.Generator | None = None) -> Plan:
        plan, ask = self.distribution.start(prior), Asked(objective, prior.kept)
        for _ in range(self.iterations):
            actions, returns = ask(self.distribution.sample(plan, self.candidates, generator))  # [B, N, H, A], [B, N]
            elites, _ = best(actions, returns, self.elites)  # [B, K, H, A]
            plan = self.distribution.refit(plan, elites, self.alpha)
        return plan
