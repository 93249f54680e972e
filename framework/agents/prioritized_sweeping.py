"""Prioritised sweeping: plan where a value is about to change most, and go on backwards from there.

    Loop:
      (a)  S <- current state
      (b)  A <- epsilon-greedy(S, Q)
      (c)  take A; observe R, S'
      (d)  Model(S, A) <- R, S'
      (e)  P <- | R + gamma max_a Q(S', a) - Q(S, A) |
      (f)  if P > theta, insert S, A into the queue with priority P
      (g)  n times, while the queue is not empty:
             S, A <- first of the queue;  R, S' <- Model(S, A)
             Q(S, A) <- Q(S, A) + alpha [ R + gamma max_a Q(S', a) - Q(S, A) ]
             for each S-, A- predicted to lead to S, with reward R-:
               P <- | R- + gamma max_a Q(S, a) - Q(S-, A-) |;  if P > theta, insert S-, A- with priority P

Moore and Atkeson 1993; Peng and Williams 1993; Sutton and Barto 2018, section 8.4, for a deterministic environment.
A pair that is in the queue already keeps the higher priority.
"""

import numpy as np

from ..equations.q_learning import q_learning
from ..equations.sweeping_priority import sweeping_priority
from ..models.sweeping_queue import SweepingQueue
from ..models.tabular_model import TabularModel
from ..models.update import Update
from .tabular import Tabular


class PrioritizedSweeping(Tabular):
    """The algorithm of the book.

    Args:
        observation_size, action_size, discrete_observations, discrete_actions: see `Tabular`.
        planning_steps: n.
        threshold: theta.
        step_size: alpha.
        discount: gamma.
        epsilon: the share of random actions in training.
        update: see `Update`.

    Raises:
        ValueError: see `Tabular`; for n < 1, since no value changes but in planning, or theta < 0.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        discrete_observations: bool = False,
        discrete_actions: bool = False,
        planning_steps: int = 5,
        threshold: float = 1e-4,
        step_size: float = 0.5,
        discount: float = 0.95,
        epsilon: float = 0.1,
        update: Update | None = None,
    ) -> None:
        super().__init__(
            observation_size,
            action_size,
            discrete_observations,
            discrete_actions,
            step_size,
            discount,
            epsilon,
            update,
        )
        if planning_steps < 1 or threshold < 0:
            raise ValueError(f"need planning_steps >= 1 and threshold >= 0, got {planning_steps} and {threshold}")
        self.planning_steps, self.threshold = planning_steps, threshold
        self.model = TabularModel(observation_size, action_size)
        self.queue = SweepingQueue(observation_size, action_size)

    def learn(self, s: int, a: int, r: float, s2: int, ends: bool) -> None:
        q, gamma, theta = self.values.q.numpy(), self.discount, self.threshold
        self.model.learn(s, a, r, s2, ends)  # (d)
        p = sweeping_priority(q[s, a], r, 0.0 if ends else q[s2].max(), gamma)  # (e)
        if p > theta:
            self.queue.insert(s, a, p)  # (f)
        for _ in range(self.planning_steps):  # (g)
            first = self.queue.pop()
            if first is None:
                break
            self._sweep(*first)

    def _sweep(self, s: int, a: int) -> None:
        """Updates a pair, and inserts those that lead to its state."""
        q, model, gamma = self.values.q.numpy(), self.model, self.discount
        reward, terminal = model.reward.numpy(), model.terminal.numpy()
        best = 0.0 if terminal[s, a] else q[model.following.numpy()[s, a]].max()
        q[s, a] = q_learning(q[s, a], reward[s, a], best, self.step_size, gamma)
        self.values.updates += 1
        before, by = model.leading_to(s)
        p = sweeping_priority(q[before, by], reward[before, by], np.where(terminal[before, by], 0.0, q[s].max()), gamma)
        worth = p > self.threshold
        self.queue.insert(before[worth], by[worth], p[worth])
