"""The objective of a plan under a world model: its expected return over the particles.

    J(a_{0:H}) = 1/P sum_p sum_t gamma^t alive^p_t r(s^p_t, a_t, s^p_{t+1}) + gamma^H alive^p_H V(s^p_H)

Nothing counts after termination; gamma is 1 unless asked for, and V 0 where nobody knows what the end of a plan is
worth. Chua et al. 2018 (PETS), section 5; with V Lowrey et al. 2019 (POLO), equation 3. Caution and curiosity change
two things: `risk` takes the place of the mean over particles, `disagreement` is added to the reward.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from ..imagination import Propagation, TSInfinity, rollout
from ..models.reward import RewardFunction
from ..models.world_model import WorldModel
from .disagreement import Disagreement
from .planner import BoundObjective
from .risk import Risk

Tail = Callable[[Tensor], Tensor]
"""states `[*B, S]` -> what they are worth, `[*B]`."""


class Objective:
    """Turns a world model into a function of plans, deterministic for one plan: parameters and noise are fixed.

    Args:
        particles: P, for each candidate.
        propagation: how particles carry the uncertainty; TS-infinity by default.
        shaped_reward: a reward to plan with instead of the world model's, where that one is too flat to search by.
        risk: what is made of the particles' returns; their mean by default.
        disagreement: a penalty or bonus for what the models disagree about; none by default.
        discount: gamma; where a value ends the plan, the one that it was learned with.

    Raises:
        ValueError: for no particles, for a risk with a single one, which has no spread, and for a discount outside
            (0, 1].
    """

    def __init__(
        self,
        particles: int = 20,
        propagation: Propagation | None = None,
        shaped_reward: RewardFunction | None = None,
        risk: Risk | None = None,
        disagreement: Disagreement | None = None,
        discount: float = 1.0,
    ) -> None:
        if not 0 < discount <= 1:
            raise ValueError(f"discount: need a number in (0, 1], got {discount}")
        if particles < (1 if risk is None else 2):
            raise ValueError(f"particles: need at least 1, and 2 for a risk, got {particles}")
        self.particles = particles
        self.propagation = TSInfinity() if propagation is None else propagation
        self.shaped_reward = shaped_reward
        self.risk = risk
        self.disagreement = disagreement
        self.discount = discount

    def expected(self) -> "Objective":
        """The mean return alone, of the same particles: what a plan promises.

        Without caution or curiosity, undiscounted, and without a value at its end.
        """
        return Objective(self.particles, self.propagation, self.shaped_reward)

    def bind(
        self,
        world_model: WorldModel,
        state: Tensor,
        horizon: int,
        generator: torch.Generator | None = None,
        tail: Tail | None = None,
    ) -> BoundObjective:
        """The objective at states `[B, S]`: actions `[B, N, H, A]` -> expected returns `[B, N]`; `tail` is V."""
        P = self.particles
        gamma = None
        if self.discount < 1:
            gamma = self.discount ** torch.arange(horizon, device=state.device, dtype=state.dtype)[:, None, None, None]
        advance = self.propagation.bind(world_model, state, P, horizon, generator)
        bonus = None if self.disagreement is None else self.disagreement.bind(world_model, state, generator)

        def objective(actions: Tensor) -> Tensor:
            B, N = actions.shape[:2]
            start = state[:, None].expand(P, B, N, -1)
            returns: Tensor | None = None  # [P, B, N]
            steps = actions.expand(P, -1, -1, -1, -1).unbind(3)  # H times [P, B, N, A]

            def act(state: Tensor, t: int) -> Tensor:
                return steps[t]

            first = 0
            for part in rollout(world_model, start, act, advance, horizon, self.shaped_reward):
                reward = part.reward if bonus is None else part.reward + bonus(part.state, part.action)
                reward = reward if part.alive is None else reward * part.alive  # [T, P, B, N]
                if gamma is not None:
                    reward = reward * gamma[first : first + len(reward)]
                returns = reward.sum(0) if returns is None else returns + reward.sum(0)
                first += len(reward)
            assert returns is not None
            if tail is not None:
                end = self.discount**horizon * tail(part.next_state[-1])  # [P, B, N]
                if part.alive is not None and part.continuation is not None:
                    end = end * part.alive[-1] * part.continuation[-1]
                returns = returns + end
            return returns.mean(0) if self.risk is None else self.risk(returns)

        return objective
