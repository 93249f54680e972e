"""Encoder and decoder of vectors: perceptrons."""

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn

from ..equations.symlog import symlog as compressed
from ..keys import ObservationShape
from .decoder import TensorDecoder
from .encoder import Encoder
from .likelihood import LearnedGaussianLikelihood, Likelihood
from .observation_shape import Observation, rows_of, vector_size
from .trunk import Trunk


class MLPEncoder(Encoder):
    """The last hidden layer is the features; without hidden layers they are the vector itself.

    Args:
        observation_shape: (O,).
        hidden: sizes of the layers.
        activation: see `Trunk`.
        layer_norm: see `Trunk`.
        symlog: whether the vector is read as symlog(o).

    Raises:
        ValueError: for observations that are no vectors.
    """

    def __init__(
        self,
        observation_shape: ObservationShape,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        layer_norm: bool = True,
        symlog: bool = True,
    ) -> None:
        super().__init__()
        self.shape = (vector_size(observation_shape, type(self).__name__),)
        self.trunk = Trunk(self.shape[0], hidden, activation, layer_norm)
        self.size = self.trunk.size
        self.symlog = symlog

    def forward(self, observation: Observation) -> Tensor:
        rows = rows_of(observation, self.shape)
        features = self.trunk(compressed(rows) if self.symlog else rows)
        return features.view(*observation.shape[:-1], self.size)


class MLPDecoder(TensorDecoder):
    """A perceptron.

    Args:
        observation_shape: (O,).
        likelihood: by default a Gaussian with a learned standard deviation.
        hidden: sizes of the layers; none for a linear decoder.
        activation, layer_norm: see `Trunk`.

    Raises:
        ValueError: for observations that are no vectors, or a likelihood that is not for them.
    """

    trunk: Trunk
    output: nn.Linear

    def __init__(
        self,
        observation_shape: ObservationShape,
        likelihood: Likelihood | None = None,
        hidden: Sequence[int] = (200, 200),
        activation: str = "silu",
        layer_norm: bool = True,
    ) -> None:
        shape = (vector_size(observation_shape, type(self).__name__),)
        super().__init__(shape, LearnedGaussianLikelihood() if likelihood is None else likelihood)
        self.hidden, self.activation, self.layer_norm = hidden, activation, layer_norm

    def build(self, state_size: int) -> Self:
        self.trunk = Trunk(state_size, self.hidden, self.activation, self.layer_norm)
        self.output = nn.Linear(self.trunk.size, self.likelihood.parts * self.shape[0])
        return self

    def forward(self, state: Tensor) -> Tensor:
        return self.output(self.trunk(state)).unflatten(-1, (self.likelihood.parts, self.shape[0]))
