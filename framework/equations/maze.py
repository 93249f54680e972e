"""Mazes: the layouts of the book, where a step leads, and how far the goal is.

    .  free     W  wall     S  start     G  goal        cells are numbered row by row

A step into a wall or off the edge leaves one where one was; the reward is 1 for the step to the goal, else 0, so

    V*(s) = gamma^(d(s) - 1)        d(s)  steps from s to the goal, at least

Sutton and Barto 2018, figure 8.2 (the Dyna maze), examples 8.2 and 8.3 (blocking and shortcut mazes). Refined, as in
example 8.4, every cell becomes a square of cells: all of a goal's are goals, a start's upper left one is the start.
"""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))  # up, right, down, left: rows, columns
Rows = Sequence[str]

DYNA = (
    ".......WG",
    "..W....W.",
    "S.W....W.",
    "..W......",
    ".....W...",
    ".........",
)  # fmt: skip
WALL_OPEN_RIGHT = (
    "........G",
    ".........",
    ".........",
    "WWWWWWWW.",
    ".........",
    "...S.....",
)  # fmt: skip
WALL_OPEN_LEFT = (*WALL_OPEN_RIGHT[:3], ".WWWWWWWW", *WALL_OPEN_RIGHT[4:])
WALL_OPEN_TWICE = (*WALL_OPEN_RIGHT[:3], ".WWWWWWW.", *WALL_OPEN_RIGHT[4:])


class Layout(NamedTuple):
    """A maze, and what becomes of it after so many time steps; for ever the same where that is None."""

    before: Rows
    after: Rows
    changes_at: int | None


LAYOUTS = {
    "dyna": Layout(DYNA, DYNA, None),
    "blocking": Layout(WALL_OPEN_RIGHT, WALL_OPEN_LEFT, 1000),
    "shortcut": Layout(WALL_OPEN_LEFT, WALL_OPEN_TWICE, 3000),
}


def refined(rows: Rows, resolution: int) -> tuple[str, ...]:
    """Every cell as `resolution` by `resolution` cells."""
    finer = ["".join(mark * resolution for mark in row) for row in rows for _ in range(resolution)]
    start = "".join(finer).index("S")
    free = "".join(finer).replace("S", ".")
    marks = f"{free[:start]}S{free[start + 1 :]}"
    width = len(finer[0])
    return tuple(marks[k : k + width] for k in range(0, len(marks), width))


def moved(rows: Rows, cell: int, action: int) -> int:
    """The cell that a step leads to."""
    width = len(rows[0])
    row, column = cell // width + MOVES[action][0], cell % width + MOVES[action][1]
    inside = 0 <= row < len(rows) and 0 <= column < width
    return row * width + column if inside and rows[row][column] != "W" else cell


def steps_to_goal(rows: Rows) -> list[int | None]:
    """d(s) of every cell, by breadth first search from the goals; None for walls and what is walled in."""
    marks = "".join(rows)
    distance: list[int | None] = [0 if mark == "G" else None for mark in marks]
    waiting = deque(cell for cell, mark in enumerate(marks) if mark == "G")
    while waiting:
        cell = waiting.popleft()
        for action in range(len(MOVES)):  # a step can be undone
            neighbour = moved(rows, cell, action)
            if distance[neighbour] is None:
                distance[neighbour] = distance[cell] + 1  # type: ignore[operator]
                waiting.append(neighbour)
    return distance
