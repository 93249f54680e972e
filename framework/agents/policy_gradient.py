"""The seam of what estimates the gradient of a policy's worth in the model, grad J (`dream.py`), as that of a loss.

pathwise            grad of J itself, through rewards, dynamics and value         `pathwise.py`
likelihood ratio    E[ A grad log pi ]                                            `likelihood_ratio.py`
clipped             the same for several updates from one rollout                 `proximal.py`
total propagation   the first two mixed at every step by their variances          `total_propagation.py`
"""

from abc import ABC, abstractmethod
from typing import NamedTuple

from tensordict import TensorDictBase
from torch import Tensor

from ..models.world_model import WorldModel
from ..policies.policy import Policy
from ..policies.state_value import StateValue
from .dream import Dream


class Learner(NamedTuple):
    """What takes part: the policy that learns, in a model, with a value at the end."""

    world_model: WorldModel
    policy: Policy
    value: StateValue
    dream: Dream


class Lesson(NamedTuple):
    """What an imagined rollout teaches.

    `loss` is a scalar whose gradient in the policy is that of -J; the value learns `return_` `[*N]` at `state`
    `[*N, S]`, which count by `weight` `[*N]`. Only `loss` has a gradient.
    """

    loss: Tensor
    state: Tensor
    return_: Tensor
    weight: Tensor


class PolicyGradient(ABC):
    """Estimates the gradient."""

    @abstractmethod
    def check(self, policy: Policy) -> None:
        """Raises `ValueError` for a policy that it has no gradient for."""

    @abstractmethod
    def lesson(self, learner: Learner, batch: TensorDictBase, horizon: int | None = None) -> Lesson:
        """From the states of a batch `[*B]` of transitions, over H steps or over `horizon`."""

    def prepare(self, learner: Learner, rows: TensorDictBase) -> None:  # noqa: B027
        """Writes into the minibatches `[K, *B]` of a call what is imagined once for all of them. By default nothing."""
