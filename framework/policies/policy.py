"""The seam of every policy pi(a | s): a network whose output is read as a distribution over actions."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Self

from tensordict import TensorDictBase
from torch import Tensor

from ..models.base import Model
from ..models.perceptron import Perceptron
from .action_distribution import ActionDistribution


class Policy(Model):
    """A perceptron of the state. What it learns from is the agent's choice; alone it learns nothing.

    Attributes:
        discrete_actions: whether actions are one-hot.
        has_density: whether there is a log pi(a | s) to learn by.

    Args:
        statistics: numbers that are needed for each entry of an action.
        hidden: sizes of the hidden layers.
        activation: one of silu, relu, elu, tanh.
        normalize: whether hidden layers are normalised (root mean square).
        output_scale: the last layer's first weights are this many times as large as the others would have them.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    discrete_actions: bool = False
    has_density: bool = True
    network: Perceptron

    def __init__(
        self,
        statistics: int,
        hidden: Sequence[int],
        activation: str,
        normalize: bool,
        output_scale: float,
        learning_rate: float,
        weight_decay: float,
        gradient_clip: float | None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.statistics, self.hidden, self.activation, self.normalize = statistics, tuple(hidden), activation, normalize
        self.output_scale = output_scale

    def build(self, state_size: int, action_size: int) -> Self:
        """Makes the network for states `[*B, S]` and actions `[*B, A]`."""
        outputs = self.statistics * action_size
        network = Perceptron(state_size, outputs, self.hidden, self.activation, self.normalize)
        self.network = network.with_outputs_scaled(self.output_scale)
        return self

    def forward(self, state: Tensor) -> ActionDistribution:
        """pi(. | s) for states `[*B, S]`."""
        output: Tensor = self.network(state)
        return self.read(output)

    @abstractmethod
    def read(self, output: Tensor) -> ActionDistribution:
        """What the network's output `[*B, statistics * A]` says."""

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}
