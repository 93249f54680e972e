"""Tasks of the DeepMind Control suite as Gymnasium environments (Tassa et al. 2018).

Every observation of the task in one vector, in the order in which the task gives them. An episode is terminated where
the task ends with discount 0 and truncated at its time limit, where the discount stays 1.
"""

from typing import Any

import gymnasium
import numpy as np
from dm_control import suite
from dm_control.mujoco.engine import Camera
from gymnasium import spaces
from numpy.typing import NDArray

from .draws_small import DrawsSmall


class DMControl(gymnasium.Env, DrawsSmall):
    """A task of the suite.

    Args:
        domain: such as `cheetah`.
        task: such as `run`.
        render_mode: "rgb_array" or None.
        camera: number or name of the camera that draws.
        size: width and height of a frame in pixels.
        task_kwargs: of the task's constructor, such as `time_limit` in seconds.

    Raises:
        ValueError: for a task that the suite does not have.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 50}  # noqa: RUF012 (Gymnasium's own)

    def __init__(
        self,
        domain: str,
        task: str,
        render_mode: str | None = None,
        camera: int | str = 0,
        size: tuple[int, int] = (320, 240),
        task_kwargs: dict[str, Any] | None = None,
    ) -> None:
        if (domain, task) not in suite.ALL_TASKS:
            tasks = [name for of, name in suite.ALL_TASKS if of == domain]
            domains = sorted({of for of, _ in suite.ALL_TASKS})
            known = f"{domain} has {', '.join(tasks)}" if tasks else f"the domains are {', '.join(domains)}"
            raise ValueError(f"the DeepMind Control suite has no task {domain}-{task}: {known}")
        self.render_mode = render_mode
        self._camera, self._size = camera, size
        self._task_kwargs = dict(task_kwargs or {})
        self._cameras: dict[tuple[int, int | str], Camera] = {}
        self._env = suite.load(domain, task, task_kwargs={"random": 0, **self._task_kwargs})
        quality = self._env.physics.model.vis.quality
        quality.offsamples = quality.shadowsize = 0  # drawing by the CPU is five times as fast without
        self.metadata = {**self.metadata, "render_fps": round(1 / self._env.control_timestep())}
        actions = self._env.action_spec()
        size_of_all = sum(int(np.prod(entry.shape)) for entry in self._env.observation_spec().values())
        self.action_space = spaces.Box(actions.minimum, actions.maximum, actions.shape, np.float64)
        self.observation_space = spaces.Box(-np.inf, np.inf, (size_of_all,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        super().reset(seed=seed)
        if seed is not None:
            self._env.task.random.seed(seed % 2**32)
        return vector(self._env.reset().observation), {}

    def step(self, action: NDArray[np.floating]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        step = self._env.step(action)
        terminated = step.last() and step.discount == 0
        return vector(step.observation), float(step.reward), terminated, step.last() and not terminated, {}

    def render(self) -> NDArray[np.uint8]:
        """A frame `[H, W, 3]`."""
        width, height = self._size
        return self._env.physics.render(height, width, self._camera)

    def draw(self, size: int, camera: int | str) -> NDArray[np.uint8]:
        if (size, camera) not in self._cameras:  # making one costs twice as much as a frame
            physics = self._env.physics
            names = [physics.model.id2name(index, "camera") for index in range(physics.model.ncam)]
            if not (camera in names or (isinstance(camera, int) and -1 <= camera < len(names))):
                raise ValueError(f"camera: need -1 to {len(names) - 1}, or one of {', '.join(names)}, got {camera}")
            self._cameras[size, camera] = Camera(physics, size, size, camera)
        return self._cameras[size, camera].render().copy()

    def close(self) -> None:
        self._env.close()


def vector(observation: dict[str, Any]) -> NDArray[np.float32]:
    """The entries one after the other, `[O]`."""
    return np.concatenate([np.ravel(entry) for entry in observation.values()]).astype(np.float32)
