"""Small square frames of an environment, drawn as cheaply as its kind allows.

Most environments draw large frames, which then have to be reduced: every pixel of the small frame is the mean of the
area that it covers, so that what is thin does not vanish and what moves slowly does not jump.
"""

from abc import ABC, abstractmethod
from typing import Any

import gymnasium
import numpy as np
from gymnasium.envs.classic_control import PendulumEnv
from numpy.typing import NDArray
from PIL import Image

from .draws_small import DrawsSmall
from .mujoco_setting import draw_cheaply, mujoco_model
from .nonsense import WrongForm

Frame = NDArray[np.uint8]
FINER = 4  # what can be drawn at any size is drawn so much larger, and reduced


class Camera(ABC):
    """Draws one environment."""

    @abstractmethod
    def frame(self) -> Frame:
        """What is seen now, `[size, size, 3]`."""

    def close(self) -> None:  # noqa: B027 (most hold nothing)
        """Frees what drawing took."""


def camera_of(env: gymnasium.Env, size: int, camera: int | str) -> Camera:
    """The cheapest way to draw an environment.

    Raises:
        ValueError: for a camera that there is not, and where nothing can be drawn.
    """
    bare = env.unwrapped
    if isinstance(bare, DrawsSmall):
        return OfItsOwn(bare, size, camera)
    if mujoco_model(env) is not None and hasattr(bare, "mujoco_renderer"):
        return OfMujoco(env, size, camera)
    if camera != 0:
        raise ValueError(f"camera: need 0, since {bare} has one view, got {camera}")
    return OfPendulum(env, size) if type(bare) is PendulumEnv else Reduced(env, size)


class OfItsOwn(Camera):
    """Of an environment that draws small frames itself."""

    def __init__(self, env: DrawsSmall, size: int, camera: int | str) -> None:
        self._env, self._size, self._camera = env, size, camera
        env.draw(size, camera)  # where it cannot, this is the time to say so

    def frame(self) -> Frame:
        return self._env.draw(self._size, self._camera)


class Reduced(Camera):
    """Of an environment that draws frames of some size, `render()` gives them."""

    def __init__(self, env: gymnasium.Env, size: int) -> None:
        self._env, self._size = env, size

    def frame(self) -> Frame:
        return reduced(self._env.render(), self._size)


class OfPendulum(Reduced):
    """Of Gymnasium's pendulum, whose drawing scales with its screen. Its own screen, for videos, stays as it is."""

    def __init__(self, env: gymnasium.Env, size: int) -> None:
        super().__init__(env, size)
        self._screen: Any = None

    def frame(self) -> Frame:
        bare: Any = self._env.unwrapped
        own = bare.screen, bare.screen_dim
        bare.screen, bare.screen_dim = self._screen, FINER * self._size
        try:
            return super().frame()
        finally:
            self._screen = bare.screen
            bare.screen, bare.screen_dim = own


class OfMujoco(Camera):
    """Of Gymnasium's MuJoCo environments: a renderer beside their own, with a frame buffer no larger than needed."""

    def __init__(self, env: gymnasium.Env, size: int, camera: int | str) -> None:
        import mujoco
        from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

        bare: Any = env.unwrapped
        model = bare.model
        names = [model.camera(index).name for index in range(model.ncam)]
        number = names.index(camera) if camera in names else camera
        if not isinstance(number, int) or not -1 <= number < max(1, len(names)):
            raise ValueError(f"camera: need -1 to {len(names) - 1}, or one of {', '.join(names)}, got {camera}")
        draw_cheaply(env)
        mujoco.mj_forward(model, bare.data)  # its free camera looks at where bodies are when it is made
        buffer = model.vis.global_
        own = buffer.offwidth, buffer.offheight
        buffer.offwidth = buffer.offheight = size
        self._renderer = MujocoRenderer(
            model, bare.data, bare.mujoco_renderer.default_cam_config, size, size, camera_id=number if names else -1
        )
        try:
            self._renderer.render("rgb_array")
        finally:
            buffer.offwidth, buffer.offheight = own

    def frame(self) -> Frame:
        viewer: Any = self._renderer.viewer
        viewer.make_context_current()  # every environment has its own
        return self._renderer.render("rgb_array")

    def close(self) -> None:
        free(self._renderer)
        self._renderer.close()


def free(renderer: Any) -> None:
    """Frees what a MuJoCo renderer holds on the GPU, in its own context: in another's, that one would draw no more."""
    viewer = renderer.viewer
    if viewer is not None:
        viewer.make_context_current()
        viewer.con.free()


def reduced(drawn: Any, size: int) -> Frame:
    """A frame `[height, width, 3]` as one of `[size, size, 3]`: means over areas."""
    frame = np.asarray(drawn)
    if frame.ndim != 3 or frame.shape[-1] != 3 or frame.dtype != np.uint8:
        came = f"{frame.dtype} {list(frame.shape)}" if frame.ndim else type(drawn).__name__
        raise WrongForm(f"frame: expected an RGB image [height, width, 3] of uint8, got {came}")
    if frame.shape[:2] == (size, size):
        return frame
    return np.asarray(Image.fromarray(np.ascontiguousarray(frame)).resize((size, size), Image.Resampling.BOX))
