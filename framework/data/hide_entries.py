"""Hidden entries: a task of which not all is seen, such as one without its velocities."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from .boxes import vector
from .environment_wrapper import Changed, EnvironmentWrapper


class HideEntries(EnvironmentWrapper):
    """Leaves entries of a vector out: what is left of Pendulum-v1 without entry 2 has no angular velocity.

    Args:
        entries: their indices, from 0.

    Raises:
        ValueError: for none, or the same twice; from `wrap`, for one that there is not, and for all of them.
    """

    def __init__(self, entries: Sequence[int]) -> None:
        if not entries or len(set(entries)) != len(entries):
            raise ValueError(f"entries: need different indices, at least one, got {list(entries)}")
        self.entries = list(entries)

    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        return Hidden(env, self.entries)


class Hidden(Changed):
    """An environment of which some numbers are not seen."""

    def __init__(self, env: gymnasium.Env, entries: list[int]) -> None:
        super().__init__(env)
        box = vector(env.observation_space, "HideEntries")
        size = box.shape[0]
        if min(entries) < 0 or max(entries) >= size or len(entries) == size:
            raise ValueError(f"entries: need indices from 0 to {size - 1}, and not all of them, got {entries}")
        self._left = [index for index in range(size) if index not in entries]
        self.observation_space = spaces.Box(box.low[self._left], box.high[self._left], dtype=box.dtype)

    def shown(self, observation: Any, first: bool) -> Any:
        return np.asarray(observation)[self._left]
