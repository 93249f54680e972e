"""A walk along a cliff in the wind, in which it pays to know what one does not know.

    fulgurite/Cliff-v0    60 steps at most, ends at the goal or by a fall; see `equations/cliff.py`

Observation x, y; action two numbers in [-1, 1], the stride. Importing this module registers it with Gymnasium.
"""

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..equations.cliff import DETOUR, EDGE_FROM, EDGE_TO, FALL, GOAL, GUST, STRIDE

Observation = NDArray[np.float32]


class Cliff(gymnasium.Env):
    """Walk to the right, close to the edge but not over it; starts at x = 0, 0.1 to 0.4 from the edge.

    Args:
        gust: standard deviation of the wind.
        render_mode: "rgb_array", for frames of 200 x 480 pixels, or None.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 (Gymnasium's own)

    def __init__(self, gust: float = GUST, render_mode: str | None = None) -> None:
        self.gust = gust
        self.render_mode = render_mode
        self.action_space = spaces.Box(-1.0, 1.0, (2,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.path: list[NDArray[np.float64]] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self.path = [np.array([0.0, self.np_random.uniform(0.1, 0.4)])]
        return self.path[-1].astype(np.float32), {}

    def step(self, action: NDArray[np.floating]) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        before = self.path[-1]
        after = before + STRIDE * np.clip(action, -1, 1) + np.array([0.0, self.gust * self.np_random.normal()])
        self.path.append(after)
        x, y = after.tolist()
        fallen = y < 0 and EDGE_FROM < x < EDGE_TO
        reward = x - float(before[0]) - DETOUR * abs(y) - FALL * fallen
        return after.astype(np.float32), reward, fallen or x >= GOAL, False, {}

    def render(self) -> NDArray[np.uint8]:
        """The scene from above, `[200, 480, 3]`, with the path so far."""
        from .cliff_drawing import draw  # only those who draw pay for pillow's import

        return draw(np.stack(self.path))


def fell(last_observation: Observation) -> bool:
    """Whether an episode ended by a fall."""
    x, y = last_observation
    return bool(y < 0 and EDGE_FROM < x < EDGE_TO)


gymnasium.register("fulgurite/Cliff-v0", f"{__name__}:Cliff", max_episode_steps=60)
