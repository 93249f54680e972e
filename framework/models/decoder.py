"""The seam of p(o | s): a network from states, and the likelihood that reads it."""

from abc import ABC, abstractmethod
from typing import Self

from tensordict import TensorDictBase
from torch import Tensor, nn

from ..keys import Shape
from .likelihood import Likelihood
from .observation_shape import Observation, rows_of
from .pieces import in_pieces


class Decoder(nn.Module, ABC):
    """The distribution of observations given states `[*B, S]`."""

    @abstractmethod
    def build(self, state_size: int) -> Self:
        """Makes the network for states of size S."""

    @abstractmethod
    def log_likelihood(self, state: Tensor, observation: Observation) -> dict[str, Tensor]:
        """log p(o | s) in nats, `[*B]`, by the name of what is observed."""

    @abstractmethod
    def mean(self, state: Tensor) -> Observation:
        """E[o | s] in the observation's own scale, as floats: images in [0, 255]."""


class TensorDecoder(Decoder):
    """Of one vector or one image. Called with states, gives what the likelihood reads, `[*B, parts, *shape]`.

    Args:
        shape: of an observation.
        likelihood: how the network's output is read.
    """

    def __init__(self, shape: Shape, likelihood: Likelihood) -> None:
        super().__init__()
        self.shape = shape
        self.likelihood = likelihood.build(shape)

    @abstractmethod
    def forward(self, state: Tensor) -> Tensor:
        """Rows of states `[N, S]` -> `[N, parts, *shape]`."""

    def log_likelihood(self, state: Tensor, observation: Observation) -> dict[str, Tensor]:
        rows = rows_of(observation, self.shape)

        def of_piece(states: Tensor, observed: Tensor) -> Tensor:
            return self.likelihood.log_prob(self(states), observed)

        return {"observation": in_pieces(of_piece, state.reshape(-1, state.shape[-1]), rows).view(state.shape[:-1])}

    def mean(self, state: Tensor) -> Tensor:
        def of_piece(states: Tensor) -> Tensor:
            return self.likelihood.mean(self(states))

        return in_pieces(of_piece, state.reshape(-1, state.shape[-1])).reshape(*state.shape[:-1], *self.shape)


class NoDecoder(Decoder):
    """For latent states that are learned without looking back at the observations."""

    def build(self, state_size: int) -> Self:
        return self

    def log_likelihood(self, state: Tensor, observation: Observation) -> dict[str, Tensor]:
        """Nothing."""
        return {}

    def mean(self, state: Tensor) -> Tensor | TensorDictBase:
        """Raises `ValueError`: nothing decodes."""
        raise ValueError("decoder: need one to decode states, got NoDecoder")
