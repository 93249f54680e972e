"""Double DQN: Q-learning with a network, from replayed transitions, without a model of the world.

    a_t: epsilon-greedy in Q        each update: a step on the loss of a minibatch, then one of the slow copy

Mnih et al. 2015, "Human-level control through deep reinforcement learning", algorithm 1; van Hasselt, Guez and Silver
2016, "Deep Reinforcement Learning with Double Q-learning".
"""

from typing import Literal

from tensordict import TensorDictBase
from torch import Tensor

from ..keys import ObservationShape
from ..models.update import Update
from ..policies.epsilon_greedy import EpsilonGreedyPolicy
from .linear_schedule import LinearSchedule
from .q_agent import QAgent


class DQN(QAgent):
    """The model-free sibling of `DeepDynaQ`.

    Args: see `QAgent`.
    """

    def __init__(
        self,
        policy: EpsilonGreedyPolicy,
        observation_shape: ObservationShape,
        action_size: int,
        discrete_actions: bool = False,
        exploration: LinearSchedule | None = None,
        discount: float = 0.99,
        target_rate: float = 0.005,
        target_every: int = 1,
        distance: Literal["l2", "smooth_l1"] = "smooth_l1",
        update: Update | None = None,
    ) -> None:
        super().__init__(
            policy, observation_shape, action_size, discrete_actions, None, exploration,
            discount, target_rate, target_every, distance, update,
        )  # fmt: skip

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {"q": self.td_loss(self.states(batch))}
