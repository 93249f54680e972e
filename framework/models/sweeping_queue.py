"""The queue of prioritised sweeping: pairs of state and action, the one whose value would change most first.

The first one is looked for in a table of all priorities: up to some ten thousand pairs that takes no longer than a heap
in Python, and what comes next depends on nothing but the table.
"""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from .tables import Tables


class SweepingQueue(Tables):
    """Pairs by priority; among equals, that of the lowest state and action is the first.

    Args:
        states: S.
        actions: A.
    """

    priorities: Tensor  # [S, A], float64; zero where a pair is not in the queue

    def __init__(self, states: int, actions: int) -> None:
        super().__init__()
        self.register_buffer("priorities", torch.zeros(states, actions, dtype=torch.float64))

    def insert(self, s: ArrayLike, a: ArrayLike, p: ArrayLike) -> None:
        """A pair, or several different ones; one that is in the queue keeps the higher priority."""
        table = self.priorities.numpy()
        table[s, a] = np.maximum(table[s, a], p)  # type: ignore[index]

    def pop(self) -> tuple[int, int] | None:
        """Takes the first pair out; None where there is none."""
        table = self.priorities.numpy()
        s, a = divmod(int(table.argmax()), table.shape[1])
        if table[s, a] == 0:
            return None
        table[s, a] = 0
        return s, a
