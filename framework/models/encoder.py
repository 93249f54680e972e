"""The seam of what reads observations into features, for the posterior over latent states."""

from abc import ABC, abstractmethod

from torch import Tensor, nn

from .observation_shape import Observation


class Encoder(nn.Module, ABC):
    """Called with an observation of any batch shape *B, gives features `[*B, F]`.

    Attributes:
        size: F.
    """

    size: int

    @abstractmethod
    def forward(self, observation: Observation) -> Tensor:
        """Features `[*B, F]` of vectors `[*B, O]`, images in uint8 `[*B, C, H, W]`, or a TensorDict of those.

        Raises:
            TypeError, ValueError: for an observation of another kind or shape.
        """
