"""Frame stacking: the last few observations at once, so that motion can be seen in them.

    [o_{t-k+1}, ..., o_t]        at the start of an episode o_0 stands for those before it

Mnih et al. 2015, "Human-level control through deep reinforcement learning", methods.
"""

from collections import deque
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .boxes import boxes, change, joined
from .environment_wrapper import Changed, EnvironmentWrapper
from .observation_space import channels_last, is_image


class FrameStack(EnvironmentWrapper):
    """Stacks the last observations, oldest first: images along their channels, vectors one after the other.

    Args:
        frames: how many.

    Raises:
        ValueError: for less than 2.
    """

    def __init__(self, frames: int) -> None:
        if frames < 2:
            raise ValueError(f"frames: need at least 2, got {frames}")
        self.frames = frames

    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        return Stacked(env, self.frames)


class Stacked(Changed):
    """An environment of which the last observations are seen together."""

    def __init__(self, env: gymnasium.Env, frames: int) -> None:
        super().__init__(env)
        space = env.observation_space
        self._boxes = boxes(space, "FrameStack")
        self._frames: dict[str, deque[NDArray]] = {name: deque(maxlen=frames) for name in self._boxes}
        stacked = {}
        for name, box in self._boxes.items():
            low, high = (np.concatenate([self._flat(name, bound)] * frames, -1) for bound in (box.low, box.high))
            stacked[name] = spaces.Box(low, high, low.shape, box.dtype)
        self.observation_space = joined(space, stacked)

    def shown(self, observation: Any, first: bool) -> Any:
        def stack(name: str, array: Any) -> NDArray:
            frames = self._frames[name]
            frames.append(np.array(self._flat(name, array)))  # a copy: some environments reuse their array
            while first and len(frames) > 1:
                frames.popleft()
            while len(frames) < (frames.maxlen or 0):
                frames.append(frames[0])
            return np.concatenate(frames, -1)

        return change(observation, self.env.observation_space, stack)

    def _flat(self, name: str, array: Any) -> NDArray:
        """An image `[H, W, C]`, or a vector."""
        return channels_last(np.asarray(array)) if is_image(self._boxes[name]) else np.ravel(array)
