"""What tabular agents share: a table of action values, epsilon-greedy actions, and learning from every step they take.

    a = argmax_a Q(s, a), ties broken at random        with probability epsilon, and in training alone: any action

Sutton and Barto 2018, sections 2.2 and 6.5.
"""

from abc import abstractmethod

import torch
from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import one_hot

from ..keys import ACTION, NEXT_OBSERVATION, OBSERVATION, REWARD, TERMINATED
from ..models.action_value_table import ActionValueTable
from ..models.update import Update
from .agent import Agent


class Tabular(Agent):
    """Learns in `observe`, so no updates need to be due: `schedule: {updates_per_env_step: 0, first_updates: 0}`.

    A time limit ends an episode, but not what is to come: the state where it struck keeps its value.

    Args:
        observation_size: S, the number of states.
        action_size: A.
        discrete_observations, discrete_actions: must be true; filled in from the environment.
        step_size: alpha.
        discount: gamma.
        epsilon: the share of random actions in training.
        update: see `Update`; there is nothing to learn by gradients.

    Raises:
        ValueError: for an environment whose observations or actions are not discrete, and for numbers out of range.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        discrete_observations: bool,
        discrete_actions: bool,
        step_size: float,
        discount: float,
        epsilon: float,
        update: Update | None = None,
    ) -> None:
        super().__init__(update=update)
        for discrete, what in ((discrete_observations, "observations"), (discrete_actions, "actions")):
            if not discrete:
                raise ValueError(f"need an environment with discrete {what}, each a row of the table; got real numbers")
        if not 0 < step_size <= 1:
            raise ValueError(f"step_size: need a number in (0, 1], got {step_size}")
        for name, share in {"discount": discount, "epsilon": epsilon}.items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: need a number in [0, 1], got {share}")
        self.observation_size, self.action_size = observation_size, action_size
        self.step_size, self.discount, self.epsilon = step_size, discount, epsilon
        self.values = ActionValueTable(observation_size, action_size)

    @abstractmethod
    def learn(self, s: int, a: int, r: float, s2: int, ends: bool) -> None:
        """Learns from the step just made: from s by a to s' with reward r; `ends` where s' is terminal."""

    def act(self, state: int, quantiles: list[float]) -> int:
        """An action, from two numbers drawn uniformly from [0, 1): whether it explores, and which one it is."""
        if self.training and quantiles[0] < self.epsilon:
            return int(quantiles[1] * self.action_size)
        return self.values.greedy(state, quantiles[1])

    def quantiles(self, rows: int, columns: int) -> list[list[float]]:
        """Numbers drawn uniformly from [0, 1) by the agent's own chance."""
        shape = (rows, columns)
        return torch.rand(shape, dtype=torch.float64, generator=self.generator, device=self.device).tolist()

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        states = indices(td[OBSERVATION])
        actions = [self.act(*chosen) for chosen in zip(states, self.quantiles(len(states), 2), strict=True)]
        td[ACTION] = one_hot(torch.tensor(actions, device=self.device), self.action_size).float()
        return td

    def observe(self, td: TensorDictBase) -> None:
        entries = indices(td[OBSERVATION]), indices(td[ACTION]), td[REWARD][:, 0].tolist()
        for transition in zip(*entries, indices(td[NEXT_OBSERVATION]), td[TERMINATED][:, 0].tolist(), strict=True):
            self.learn(*transition)

    def counted(self) -> dict[str, float]:
        """How often an entry of the table was updated, in all so far."""
        return {"train/value_updates": float(self.values.updates)}

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}


def indices(rows: Tensor) -> list[int]:
    """Where the one of each one-hot row `[B, D]` is."""
    return rows.argmax(-1).tolist()
