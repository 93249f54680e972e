"""Pixels: the task is seen by a camera."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from .cameras import camera_of, free
from .environment_wrapper import Changed, EnvironmentWrapper
from .renderer import NoRenderer, explained

IMAGE, VECTOR = "pixels", "vector"


class Pixels(EnvironmentWrapper):
    """Square images of a task in place of its observations. The environment's own frames, for videos, stay large.

    Args:
        size: of the images in pixels; whatever shape the environment draws is pressed into a square.
        keep_vector: both: the image as entry `pixels`, what was observed before as entry `vector`.
        camera: number or name of a camera, where the environment has several, as MuJoCo's; -1 for MuJoCo's free one.

    Raises:
        ValueError: for a size below 4; from `wrap`, for an environment that draws no frames, for a camera that there
            is not, and where there is nothing that MuJoCo could draw with.
    """

    draws = True

    def __init__(self, size: int = 64, keep_vector: bool = False, camera: int | str = 0) -> None:
        if size < 4:
            raise ValueError(f"size: need at least 4 pixels, got {size}")
        self.size, self.keep_vector, self.camera = size, keep_vector, camera

    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        return Pictured(env, self.size, self.keep_vector, self.camera)


class Pictured(Changed):
    """An environment that is seen by a camera."""

    def __init__(self, env: gymnasium.Env, size: int, keep_vector: bool, camera: int | str) -> None:
        super().__init__(env)
        if env.render_mode != "rgb_array":
            raise ValueError(f"Pixels: need an environment that draws (render_mode rgb_array), got {env.unwrapped}")
        try:
            self._camera = camera_of(env, size, camera)
        except ValueError:
            raise
        except Exception as error:
            raise NoRenderer(explained(error)) from error
        image = spaces.Box(0, 255, (size, size, 3), np.uint8)
        self._own = getattr(env.unwrapped, "mujoco_renderer", None)
        self._both = keep_vector
        self.observation_space = spaces.Dict({IMAGE: image, VECTOR: env.observation_space}) if keep_vector else image

    def shown(self, observation: Any, first: bool) -> Any:
        image = self._camera.frame()
        return {IMAGE: image, VECTOR: observation} if self._both else image

    def render(self) -> Any:
        if self._own is not None and self._own.viewer is not None:
            self._own.viewer.make_context_current()  # instead of the camera's
        return self.env.render()

    def close(self) -> None:
        self._camera.close()
        if self._own is not None:
            free(self._own)
        super().close()
