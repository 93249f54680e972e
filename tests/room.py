"""An environment with several things to see, for other processes, which import it: `room:tests/Room-v0`."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

SIDES = (6, 8)  # height and width of what the camera sees


class Room(gymnasium.Env):
    """A camera that shows the number of steps and the last action in its corners, joints, and a door.

    Args:
        shows: which of `camera`, `joints` and `door`; a single one is the observation itself.
        length: of an episode.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own)

    def __init__(
        self, shows: tuple[str, ...] = ("camera", "joints", "door"), length: int = 9, render_mode: str | None = None
    ) -> None:
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)
        everything: dict[str, spaces.Space] = {
            "camera": spaces.Box(0, 255, (*SIDES, 3), np.uint8),
            "joints": spaces.Box(-np.inf, np.inf, (2, 2), np.float64),
            "door": spaces.Discrete(3),
        }
        self.shows, self.length, self.render_mode = shows, length, render_mode
        self.observation_space = spaces.Dict({name: everything[name] for name in shows})
        if len(shows) == 1:
            self.observation_space = everything[shows[0]]  # type: ignore[assignment]

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.steps, self.last = 0, 0.0
        self.start = self.np_random.integers(0, 256, 3)
        return self.seen(), {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
        self.steps += 1
        self.last = float(action[0])
        return self.seen(), self.last, self.steps == self.length, False, {}

    def render(self) -> Any:
        image = np.zeros((*SIDES, 3), np.uint8)
        image[0, 0] = self.start
        image[-1, 0] = self.steps
        image[-1, -1] = round(100 * (self.last + 1))
        return image

    def seen(self) -> Any:
        joints = np.array([[self.steps, self.last], [self.np_random.normal(), 0.5]])
        everything = {"camera": self.render(), "joints": joints, "door": self.steps % 3}
        return everything[self.shows[0]] if len(self.shows) == 1 else {name: everything[name] for name in self.shows}


gymnasium.register("tests/Room-v0", Room)
