"""Dyna-Q+: Dyna-Q that plans as if what it has not tried for long were worth a little more.

    tau(S, A)  time steps since A was last tried in S        in planning, R + kappa sqrt(tau) stands for R

Planning also takes actions that were never tried in a state that was visited: to the model they lead back to it with a
reward of zero. So the agent goes to see whether a wall is still there. The bonus is in planning alone; what is done is
chosen epsilon-greedily as ever. Sutton and Barto 2018, section 8.3.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from ..equations.exploration_bonus import with_bonus
from ..models.tables import Tables, Transition, entries
from ..models.tabular_model import TabularModel
from ..models.update import Update
from .tabular import Tabular


class Clock(Tables):
    """When each pair was last tried; before the first step, where never.

    Args:
        states: S.
        actions: A.
    """

    now: Tensor  # [1], int64: time steps so far
    last: Tensor  # [S, A], int64

    def __init__(self, states: int, actions: int) -> None:
        super().__init__()
        self.register_buffer("now", torch.zeros(1, dtype=torch.int64))
        self.register_buffer("last", torch.zeros(states, actions, dtype=torch.int64))


class DynaQPlus(Tabular):
    """The algorithm of the book; steps (a) to (f) as in `DynaQ`.

    Args:
        observation_size, action_size, discrete_observations, discrete_actions: see `Tabular`.
        planning_steps: n.
        kappa: reward for a pair that was last tried one step ago.
        step_size: alpha.
        discount: gamma.
        epsilon: the share of random actions in training.
        update: see `Update`.

    Raises:
        ValueError: see `Tabular`; for n < 0 or kappa < 0.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        discrete_observations: bool = False,
        discrete_actions: bool = False,
        planning_steps: int = 10,
        kappa: float = 1e-3,
        step_size: float = 0.1,
        discount: float = 0.95,
        epsilon: float = 0.1,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            observation_size,
            action_size,
            discrete_observations,
            discrete_actions,
            step_size,
            discount,
            epsilon,
            update,
        )
        if planning_steps < 0 or kappa < 0:
            raise ValueError(f"need planning_steps >= 0 and kappa >= 0, got {planning_steps} and {kappa}")
        self.planning_steps, self.kappa = planning_steps, kappa
        self.model = TabularModel(observation_size, action_size)
        self.clock = Clock(observation_size, action_size)

    def learn(self, s: int, a: int, r: float, s2: int, ends: bool) -> None:
        self.values.learn([(s, a, r, s2, ends)], self.step_size, self.discount)  # (d)
        self.model.learn(s, a, r, s2, ends)  # (e)
        self.clock.now += 1
        self.clock.last[s, a] = self.clock.now[0]
        self.values.learn(self.imagined(), self.step_size, self.discount)  # (f)

    def imagined(self) -> Iterator[Transition]:
        """The transitions of n planning steps, with the bonus."""
        now, last = int(self.clock.now), entries(self.clock.last)
        for s, a, r, s2, ends in self.model.any_pairs(self.quantiles(self.planning_steps, 2)):
            tau = now - last[s * self.action_size + a]
            yield s, a, with_bonus(r, tau, self.kappa), s2, ends
