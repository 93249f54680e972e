"""A distractor: something that moves before the eye and has nothing to do with the task, nor with any action.

    p_t = fold(p_0 + t v)        in [0, 1]^2; fold reflects at both ends

A model that reconstructs all it sees spends capacity on it (Zhang et al. 2021, "Learning invariant
representations for reinforcement learning without reconstruction", section 6).
"""

import math
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from .boxes import boxes, change
from .environment_wrapper import Changed, EnvironmentWrapper
from .observation_space import channels_last, is_image

TILES = 4  # the patch is a board of so many by so many colours


class Distractor(EnvironmentWrapper):
    """A patch of colours that moves over images in a straight line, reflected at the edges; drawn anew each episode.

    Args:
        size: of its sides, as a share of the image's.
        speed: share of its way from edge to edge that it moves in a step.

    Raises:
        ValueError: for numbers out of range; from `wrap`, where there is no image.
    """

    def __init__(self, size: float = 0.25, speed: float = 0.05) -> None:
        if not 0 < size <= 1 or not 0 <= speed <= 1:
            raise ValueError(f"need size in (0, 1] and speed in [0, 1], got {size} and {speed}")
        self.size, self.speed = size, speed

    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        return Distracted(env, self.size, self.speed)


class Distracted(Changed):
    """An environment in front of whose images something moves."""

    def __init__(self, env: gymnasium.Env, size: float, speed: float) -> None:
        super().__init__(env)
        self._boxes = boxes(env.observation_space, "Distractor")
        if not any(map(is_image, self._boxes.values())):
            raise ValueError(f"Distractor: need images (NoiseColumns is for vectors), got {env.observation_space}")
        self._size, self._speed = size, speed

    def shown(self, observation: Any, first: bool) -> Any:
        if first:
            self._position = self.chance.uniform(size=2)  # of the patch's corner, in its way from edge to edge
            angle = self.chance.uniform(0, 2 * math.pi)
            self._velocity = self._speed * np.array([math.sin(angle), math.cos(angle)])
            self._board = self.chance.integers(0, 256, (TILES, TILES, 64), np.uint8)  # colours of up to 64 channels
        else:
            self._position = self._position + self._velocity
        return change(observation, self.env.observation_space, self._covered)

    def _covered(self, name: str, array: Any) -> Any:
        if not is_image(self._boxes[name]):
            return array
        image = np.array(array)
        view = channels_last(image)  # [H, W, C]
        patch = self._patch(view.shape)
        way = np.array(view.shape[:2]) - patch.shape[:2]
        top, left = np.rint(fold(self._position) * way).astype(int)
        view[top : top + patch.shape[0], left : left + patch.shape[1]] = patch
        return image

    def _patch(self, shape: tuple[int, ...]) -> NDArray[np.uint8]:
        sides = [max(1, round(self._size * side)) for side in shape[:2]]
        rows, columns = (np.arange(side) * TILES // side for side in sides)
        channels = np.arange(shape[2]) % self._board.shape[2]
        return self._board[np.ix_(rows, columns, channels)]


def fold(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Any numbers, reflected into [0, 1]."""
    rest = position % 2
    return np.minimum(rest, 2 - rest)
