"""Noisy sensors: independent normal noise on all that is seen.

o + sigma eps                                       vectors
clip(round(o + 255 sigma eps), 0, 255)              images
"""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .boxes import boxes, change, joined
from .environment_wrapper import Changed, EnvironmentWrapper
from .observation_space import is_image


class Noise(EnvironmentWrapper):
    """Adds noise at every step, the same for the same seed of an episode.

    Args:
        std: standard deviation, in the units of a vector's entries and in units of 255 for images; or one for each
            entry of a vector.

    Raises:
        ValueError: for numbers that are not positive; from `wrap`, for several where not each has its entry.
    """

    def __init__(self, std: float | Sequence[float]) -> None:
        if not (np.asarray(std) >= 0).all() or not np.any(std):
            raise ValueError(f"std: need a positive number, or for each entry one that is not negative, got {std}")
        self.std = std

    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        return Noisy(env, np.asarray(self.std, np.float64))


class Noisy(Changed):
    """An environment that is seen with noise."""

    def __init__(self, env: gymnasium.Env, std: NDArray[np.float64]) -> None:
        super().__init__(env)
        space = env.observation_space
        self._boxes, self._std = boxes(space, "Noise"), std
        for box in self._boxes.values():
            if std.ndim and box.shape != std.shape:
                raise ValueError(f"std: need one number, or one for each entry of a vector {box.shape}, got {len(std)}")
        noisy = {
            name: box if is_image(box) else spaces.Box(-np.inf, np.inf, box.shape, np.float32)
            for name, box in self._boxes.items()
        }
        self.observation_space = joined(space, noisy)

    def shown(self, observation: Any, first: bool) -> Any:
        def noisy(name: str, array: Any) -> NDArray:
            noise = self.chance.normal(size=np.shape(array))
            if is_image(self._boxes[name]):
                return np.clip(np.rint(array + 255 * self._std * noise), 0, 255).astype(np.asarray(array).dtype)
            return np.asarray(array + self._std * noise, np.float32)

        return change(observation, self.env.observation_space, noisy)
