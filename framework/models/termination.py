"""The probability that the task ends in a state, learned by cross-entropy, or a plain function when known.

Only `terminated` is learned from: a time limit ends the recording, not the task.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence

from tensordict import TensorDictBase
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from .base import Model
from .networks import MLP
from .normalizer import Normalizer

TerminationFunction = Callable[[Tensor], Tensor]
"""next state `[*B, S]` -> probability `[*B]` that the task ended there; 0 or 1 where it is a known rule."""


class Termination(Model):
    """A learned termination; called as a `TerminationFunction`."""

    @abstractmethod
    def forward(self, next_state: Tensor) -> Tensor:
        """The probability `[*B]` of having terminated."""


class LearnedTermination(Termination):
    """A classifier of terminal states.

    Args: see `Ensemble`.
    """

    def __init__(
        self,
        observation_size: int,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.network = MLP(observation_size, 1, hidden, 1, activation)
        self.normalizer = Normalizer(observation_size)

    def adapt(self, batch: TensorDictBase) -> None:
        self.normalizer.update(batch["next", "state"])

    def logit(self, next_state: Tensor) -> Tensor:
        """`[*B]` log-odds of having terminated."""
        x = self.normalizer.normalize(next_state)
        return self.network(x.reshape(1, -1, x.shape[-1])).view(x.shape[:-1])

    def forward(self, next_state: Tensor) -> Tensor:
        return self.logit(next_state).sigmoid()

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        target = batch["next", "terminated"].squeeze(-1).float()
        return {"termination": binary_cross_entropy_with_logits(self.logit(batch["next", "state"]), target)}
