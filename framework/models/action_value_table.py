"""A table of action values Q [S, A], learned by Q-learning."""

from collections.abc import Iterable

import torch
from torch import Tensor

from ..equations.q_learning import q_learning
from .tables import Tables, Transition, entries


class ActionValueTable(Tables):
    """Q(s, a), zero at first.

    Args:
        states: S.
        actions: A.
    """

    q: Tensor  # [S, A], float64
    updates: Tensor  # how often an entry was updated

    def __init__(self, states: int, actions: int) -> None:
        super().__init__()
        self.actions = actions
        self.register_buffer("q", torch.zeros(states, actions, dtype=torch.float64))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def greedy(self, state: int, quantile: float) -> int:
        """A best action; among several, the one at the quantile in [0, 1), so that ties are broken at random."""
        values = self.q[state].tolist()
        best = max(values)
        ties = [action for action, value in enumerate(values) if value == best]
        return ties[int(quantile * len(ties))]

    def learn(self, transitions: Iterable[Transition], alpha: float, gamma: float) -> None:
        """Updates an entry for each transition, one after the other, as quickly as Python can."""
        q, actions = entries(self.q), self.actions
        count = 0
        for s, a, r, s2, ends in transitions:
            best = 0.0 if ends else max(q[s2 * actions : s2 * actions + actions])
            here = s * actions + a
            q[here] = q_learning(q[here], r, best, alpha, gamma)
            count += 1
        self.updates += count
