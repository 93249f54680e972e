"""The model of tabular Dyna: what came of each pair of state and action when it was last tried.

    Model(S, A) <- R, S'        deterministic, so the latest outcome is the outcome

Sutton and Barto 2018, section 8.2. A pair that was never tried leads back to its state with a reward of zero, as
Dyna-Q+ takes it (section 8.3, footnote 1).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .tables import Tables, Transition, entries

Quantiles = Sequence[Sequence[float]]


class TabularModel(Tables):
    """Remembers transitions and draws from them.

    Args:
        states: S.
        actions: A.
    """

    following: Tensor  # [S, A], int64: s'
    reward: Tensor  # [S, A], float64
    terminal: Tensor  # [S, A], bool: whether s' is terminal
    tried: Tensor  # [S, A], bool
    visited: Tensor  # [S], int64: the states in which an action was tried, in the order of the first time
    visited_count: Tensor  # [1], int64: how many they are

    def __init__(self, states: int, actions: int) -> None:
        super().__init__()
        self.actions = actions
        self.register_buffer("following", torch.arange(states)[:, None].repeat(1, actions))
        self.register_buffer("reward", torch.zeros(states, actions, dtype=torch.float64))
        self.register_buffer("terminal", torch.zeros(states, actions, dtype=torch.bool))
        self.register_buffer("tried", torch.zeros(states, actions, dtype=torch.bool))
        self.register_buffer("visited", torch.zeros(states, dtype=torch.int64))
        self.register_buffer("visited_count", torch.zeros(1, dtype=torch.int64))

    def learn(self, s: int, a: int, r: float, s2: int, ends: bool) -> None:
        """Takes a transition over."""
        tried, count = self.tried.numpy(), self.visited_count.numpy()
        if not tried[s].any():
            self.visited.numpy()[count[0]] = s
            count[0] += 1
        tried[s, a] = True
        self.following.numpy()[s, a], self.reward.numpy()[s, a], self.terminal.numpy()[s, a] = s2, r, ends

    def tried_pairs(self, quantiles: Quantiles) -> Iterator[Transition]:
        """Of a random visited state a random action that was tried in it, for each two numbers in [0, 1)."""
        tried, actions = entries(self.tried), range(self.actions)
        visited, many, following, reward, terminal = self._views()
        for first, second in quantiles:
            s = visited[int(first * many)]
            row = s * len(actions)
            known = [a for a in actions if tried[row + a]]
            a = known[int(second * len(known))]
            yield s, a, reward[row + a], following[row + a], terminal[row + a]

    def any_pairs(self, quantiles: Quantiles) -> Iterator[Transition]:
        """Of a random visited state a random action, tried or not, for each two numbers in [0, 1)."""
        visited, many, following, reward, terminal = self._views()
        for first, second in quantiles:
            s, a = visited[int(first * many)], int(second * self.actions)
            here = s * self.actions + a
            yield s, a, reward[here], following[here], terminal[here]

    def leading_to(self, state: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The tried pairs that are predicted to lead to a state: their states and their actions, ascending."""
        states, actions = np.nonzero((self.following.numpy() == state) & self.tried.numpy())
        return states, actions

    def _views(self) -> tuple["memoryview[int]", int, "memoryview[int]", "memoryview[float]", "memoryview[bool]"]:
        outcomes = entries(self.following), entries(self.reward), entries(self.terminal)
        return entries(self.visited), int(self.visited_count), *outcomes
