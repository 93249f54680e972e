"""The exact action values of a maze."""

import numpy as np

from fulgurite.equations.maze import moved


def value_iteration(rows, gamma: float) -> np.ndarray:
    """Q* [S, 4]; zero in walls and at goals."""
    marks = "".join(rows)
    q = np.zeros((len(marks), 4))
    for _ in range(100):
        for cell, mark in enumerate(marks):
            if mark in ".S":
                for action in range(4):
                    after = moved(rows, cell, action)
                    q[cell, action] = 1.0 if marks[after] == "G" else gamma * q[after].max()
    return q
