"""Noise columns: numbers that are seen with the task's own and have nothing to do with it, nor with any action.

c_{t+1} = rho c_t + sqrt(1 - rho^2) sigma eps,   c_0 = sigma eps        so that every c_t has the same spread
"""

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from .boxes import vector
from .environment_wrapper import Changed, EnvironmentWrapper


class NoiseColumns(EnvironmentWrapper):
    """Numbers behind those of a vector that wander by themselves.

    Args:
        columns: how many.
        std: their standard deviation, at every step.
        persistence: rho, how much of a number is left a step later.

    Raises:
        ValueError: for numbers out of range; from `wrap`, where there is no vector.
    """

    def __init__(self, columns: int = 4, std: float = 1.0, persistence: float = 0.9) -> None:
        if columns < 1:
            raise ValueError(f"columns: need at least 1, got {columns}")
        if not std > 0 or not 0 <= persistence <= 1:
            raise ValueError(f"need std > 0 and persistence in [0, 1], got {std} and {persistence}")
        self.columns, self.std, self.persistence = columns, std, persistence

    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        return Widened(env, self.columns, self.std, self.persistence)


class Widened(Changed):
    """An environment whose vectors have more numbers."""

    def __init__(self, env: gymnasium.Env, columns: int, std: float, persistence: float) -> None:
        super().__init__(env)
        box = vector(env.observation_space, "NoiseColumns")
        self._std, self._persistence = std, persistence
        self._columns = np.zeros(columns)
        self.observation_space = spaces.Box(-np.inf, np.inf, (box.shape[0] + columns,), np.float32)

    def shown(self, observation: Any, first: bool) -> Any:
        noise = self._std * self.chance.normal(size=self._columns.shape)
        rho = 0.0 if first else self._persistence
        self._columns = rho * self._columns + math.sqrt(1 - rho**2) * noise
        return np.concatenate([observation, self._columns]).astype(np.float32)
