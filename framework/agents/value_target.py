"""The seam of what action values are fitted to, and the common choice.

y = r + gamma (1 - d) (estimate of what follows s')
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from torch import Tensor

from ..equations.soft_actor_critic import discounted
from ..models.world_model import WorldModel
from ..policies.action_distribution import Sampled
from ..policies.action_values import ActionValues
from ..policies.policy import Policy


class Following(NamedTuple):
    """What is believed about what follows: the policy, the values by their slow copies, alpha, gamma, and the model."""

    policy: Policy
    values: ActionValues
    alpha: Tensor
    discount: float
    world_model: WorldModel | None

    def soft_values(self, state: Tensor) -> Tensor:
        """Q'_i(s, a) - alpha log pi(a | s) `[M, *B]` of states `[*B, S]`, each with one action drawn."""
        drawn = self.draw(state)
        return self.values.target(state, drawn.action) - self.alpha * drawn.log_prob

    def draw(self, state: Tensor) -> Sampled:
        """Actions of the policy in states `[*B, S]`."""
        return self.policy(state).sample()


class ValueTarget(ABC):
    """How y is found.

    Attributes:
        needs_model: whether it imagines.
    """

    needs_model: bool = True

    @abstractmethod
    def following(self, state: Tensor, it: Following) -> Tensor:
        """What follows the states s' `[B, S]`, `[B]`; called without gradients."""

    def target(self, reward: Tensor, terminated: Tensor, next_state: Tensor, it: Following) -> Tensor:
        """y `[B]` of rewards and ends `[B]` and next states `[B, S]`."""
        return discounted(reward, terminated, self.following(next_state, it), it.discount)


class OneStep(ValueTarget):
    """min_i Q'_i(s', a') - alpha log pi(a' | s'): what was seen, and the value of what came. Nothing is imagined."""

    needs_model = False

    def following(self, state: Tensor, it: Following) -> Tensor:
        return it.soft_values(state).amin(0)
