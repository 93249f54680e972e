"""The book's mazes: one start, one goal, and walls, which may move once.

    fulgurite/DynaMaze-v0       6 x 9 cells; the shortest path takes 14 steps
    fulgurite/BlockingMaze-v0   the short way, 10 steps, is shut after 1,000 time steps; a longer one, 16, opens
    fulgurite/ShortcutMaze-v0   beside a way of 16 steps, one of 10 opens after 3,000 time steps

Observation: the number of the cell, row by row; actions: up, right, down, left. See `equations/maze.py`. Time steps
count over all episodes. Importing this module registers them with Gymnasium.
"""

from typing import Any, Literal

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..equations.maze import LAYOUTS, MOVES, moved, refined
from .lasting import LASTING


class Maze(gymnasium.Env):
    """Walk from S to G; the reward is 1 for the step to the goal, else 0.

    Args:
        layout: which maze.
        changes_at: time steps after which walls move; None for the book's number, or never.
        resolution: into how many by how many cells each one is divided.
        render_mode: "rgb_array", for frames 480 pixels wide, or None.

    Raises:
        ValueError: for an unknown layout, a negative number, or a change in a maze that does not.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 8}  # noqa: RUF012 (Gymnasium's own)

    def __init__(
        self,
        layout: Literal["dyna", "blocking", "shortcut"] = "dyna",
        changes_at: int | None = None,
        resolution: int = 1,
        render_mode: str | None = None,
    ) -> None:
        if layout not in LAYOUTS:
            raise ValueError(f"layout: need one of {', '.join(LAYOUTS)}, got {layout!r}")
        before, after, book = LAYOUTS[layout]
        if changes_at is not None and (book is None or changes_at < 0):
            raise ValueError(f"changes_at: need at least 0, and a maze whose walls move, got {changes_at} for {layout}")
        if resolution < 1:
            raise ValueError(f"resolution: need at least 1, got {resolution}")
        self.before, self.after = refined(before, resolution), refined(after, resolution)
        self.changes_at = book if changes_at is None else changes_at
        self.render_mode = render_mode
        self.action_space = spaces.Discrete(len(MOVES))
        self.observation_space = spaces.Discrete(len(self.before) * len(self.before[0]))
        self.time = 0  # steps so far, of all episodes
        self.path: list[int] = []

    @property
    def rows(self) -> tuple[str, ...]:
        """The maze as it is now."""
        return self.before if self.changes_at is None or self.time < self.changes_at else self.after

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.int64, dict[str, Any]]:
        super().reset(seed=seed)
        self.time = int((options or {}).get(LASTING, {}).get("time", self.time))
        self.path = ["".join(self.rows).index("S")]
        return np.int64(self.path[-1]), self.info()

    def step(self, action: int) -> tuple[np.int64, float, bool, bool, dict[str, Any]]:
        rows = self.rows
        self.path.append(moved(rows, self.path[-1], int(action)))
        self.time += 1
        arrived = "".join(rows)[self.path[-1]] == "G"
        return np.int64(self.path[-1]), float(arrived), arrived, False, self.info()

    def info(self) -> dict[str, Any]:
        """The clock, where it matters."""
        return {} if self.changes_at is None else {LASTING: {"time": self.time}}

    def render(self) -> NDArray[np.uint8]:
        """The maze from above, `[height, 480, 3]`, with the path so far."""
        from .maze_drawing import draw  # only those who draw pay for pillow's import

        return draw(self.rows, self.path)


for name, layout in {"DynaMaze": "dyna", "BlockingMaze": "blocking", "ShortcutMaze": "shortcut"}.items():
    gymnasium.register(f"fulgurite/{name}-v0", f"{__name__}:Maze", max_episode_steps=10_000, kwargs={"layout": layout})
