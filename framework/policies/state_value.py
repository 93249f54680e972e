"""V(s), what a state is worth under a policy, and a slow copy of it.

    loss = E [ w l(V(s), G) ]        theta' <- (1 - tau) theta' + tau theta

with l the head's and G a return without a gradient. The copy is the target network of Mnih et al. 2015, moved a little
at every update (Lillicrap et al. 2016).
"""

from collections.abc import Sequence
from copy import deepcopy
from typing import Self

from tensordict import TensorDictBase
from torch import Tensor

from ..equations.polyak import polyak
from ..keys import RETURN, STATE
from ..models.base import Model
from ..models.perceptron import Perceptron
from ..models.value_head import SquaredError, ValueHead


class StateValue(Model):
    """A perceptron of the state.

    Args:
        hidden: sizes of the hidden layers.
        activation: one of silu, relu, elu, tanh.
        normalize: whether hidden layers are normalised (root mean square).
        head: how its output is read; squared error by default.
        target_rate: tau.
        learning_rate, weight_decay, gradient_clip: see `Model`.

    Raises:
        ValueError: for a rate outside (0, 1].
    """

    network: Perceptron
    slow: Perceptron

    def __init__(
        self,
        hidden: Sequence[int] = (256, 256),
        activation: str = "silu",
        normalize: bool = False,
        head: ValueHead | None = None,
        target_rate: float = 0.005,
        learning_rate: float = 3e-4,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        if not 0 < target_rate <= 1:
            raise ValueError(f"target_rate: need a number in (0, 1], got {target_rate}")
        self.hidden, self.activation, self.normalize = tuple(hidden), activation, normalize
        self.head = SquaredError() if head is None else head
        self.target_rate = target_rate

    def build(self, state_size: int) -> Self:
        """Makes the networks for states `[*B, S]`."""
        network = Perceptron(state_size, self.head.outputs, self.hidden, self.activation, self.normalize)
        self.network = network.with_outputs_scaled(self.head.first_scale)
        self.slow = deepcopy(self.network).requires_grad_(False)
        return self

    def forward(self, state: Tensor) -> Tensor:
        """V `[*B]` of states `[*B, S]`."""
        return self.head.read(self.network(state))

    def target(self, state: Tensor) -> Tensor:
        """V `[*B]` by the slow copy."""
        return self.head.read(self.slow(state))

    def fit(self, state: Tensor, return_: Tensor) -> Tensor:
        """l `[*B]` of states `[*B, S]` and their returns `[*B]`."""
        return self.head.loss(self.network(state), return_.detach())

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Of a batch with `state` and `return`; nothing for one without returns, as in a validation."""
        return {"value": self.fit(batch[STATE], batch[RETURN][..., 0]).mean()} if RETURN in batch else {}

    def follow(self) -> None:
        polyak(list(self.slow.parameters()), list(self.network.parameters()), self.target_rate)
