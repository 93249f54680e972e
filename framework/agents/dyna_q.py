"""Tabular Dyna-Q: learn action values from every step, and from n more steps that the model makes of earlier ones.

    Loop:
      (a)  S <- current state
      (b)  A <- epsilon-greedy(S, Q)
      (c)  take A; observe R, S'
      (d)  Q(S, A) <- Q(S, A) + alpha [ R + gamma max_a Q(S', a) - Q(S, A) ]
      (e)  Model(S, A) <- R, S'
      (f)  n times:  S <- a random state that was seen before, A <- a random action that was taken in it
                     R, S' <- Model(S, A), and (d)

Sutton and Barto 2018, section 8.2. With n = 0 this is Q-learning (section 6.5).
"""

from ..models.tabular_model import TabularModel
from ..models.update import Update
from .tabular import Tabular


class DynaQ(Tabular):
    """The algorithm of the book.

    Args:
        observation_size, action_size, discrete_observations, discrete_actions: see `Tabular`.
        planning_steps: n.
        step_size: alpha.
        discount: gamma.
        epsilon: the share of random actions in training.
        update: see `Update`.

    Raises:
        ValueError: see `Tabular`; for n < 0.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        discrete_observations: bool = False,
        discrete_actions: bool = False,
        planning_steps: int = 5,
        step_size: float = 0.1,
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
        if planning_steps < 0:
            raise ValueError(f"planning_steps: need at least 0, got {planning_steps}")
        self.planning_steps = planning_steps
        self.model = TabularModel(observation_size, action_size)

    def learn(self, s: int, a: int, r: float, s2: int, ends: bool) -> None:
        self.values.learn([(s, a, r, s2, ends)], self.step_size, self.discount)  # (d)
        self.model.learn(s, a, r, s2, ends)  # (e)
        imagined = self.model.tried_pairs(self.quantiles(self.planning_steps, 2))
        self.values.learn(imagined, self.step_size, self.discount)  # (f)
