"""The objective of a plan under a world model: its expected return over the particles.

    J(a_{0:H}) = 1/P sum_p sum_t alive^p_t r(s^p_t, a_t, s^p_{t+1})        nothing counts after termination

Chua et al. 2018 (PETS), section 5. Caution and curiosity change two things: `risk` takes the place of the mean over
particles, `disagreement` is added to the reward.
"""

import torch
from torch import Tensor

from ..imagination import Propagation, TSInfinity, rollout
from ..models.reward import RewardFunction
from ..models.world_model import WorldModel
from .disagreement import Disagreement
from .planner import BoundObjective
from .risk import Risk


class Objective:
    """Turns a world model into a function of plans, deterministic for one plan: parameters and noise are fixed.

    Args:
        particles: P, for each candidate.
        propagation: how particles carry the uncertainty; TS-infinity by default.
        shaped_reward: a reward to plan with instead of the world model's, where that one is too flat to search by.
        risk: what is made of the particles' returns; their mean by default.
        disagreement: a penalty or bonus for what the models disagree about; none by default.

    Raises:
        ValueError: for no particles, or for a risk with a single one, which has no spread.
    """

    def __init__(
        self,
        particles: int = 20,
        propagation: Propagation | None = None,
        shaped_reward: RewardFunction | None = None,
        risk: Risk | None = None,
        disagreement: Disagreement | None = None,
    ) -> None:
        if particles < (1 if risk is None else 2):
            raise ValueError(f"particles: need at least 1, and 2 for a risk, got {particles}")
        self.particles = particles
        self.propagation = TSInfinity() if propagation is None else propagation
        self.shaped_reward = shaped_reward
        self.risk = risk
        self.disagreement = disagreement

    def expected(self) -> "Objective":
        """The mean return alone, of the same particles: what a plan promises, without caution or curiosity."""
        return Objective(self.particles, self.propagation, self.shaped_reward)

    def bind(
        self, world_model: WorldModel, state: Tensor, horizon: int, generator: torch.Generator | None = None
    ) -> BoundObjective:
        """The objective at states `[B, S]`: actions `[B, N, H, A]` -> expected returns `[B, N]`."""
        P = self.particles
        advance = self.propagation.bind(world_model, state, P, horizon, generator)
        bonus = None if self.disagreement is None else self.disagreement.bind(world_model, state, generator)

        def objective(actions: Tensor) -> Tensor:
            B, N = actions.shape[:2]
            start = state[:, None].expand(P, B, N, -1)
            returns: Tensor | None = None  # [P, B, N]
            steps = actions.expand(P, -1, -1, -1, -1).unbind(3)  # H times [P, B, N, A]

            def act(state: Tensor, t: int) -> Tensor:
                return steps[t]

            for part in rollout(world_model, start, act, advance, horizon, self.shaped_reward):
                reward = part.reward if bonus is None else part.reward + bonus(part.state, part.action)
                reward = reward if part.alive is None else reward * part.alive  # [T, P, B, N]
                returns = reward.sum(0) if returns is None else returns + reward.sum(0)
            assert returns is not None
            return returns.mean(0) if self.risk is None else self.risk(returns)

        return objective
