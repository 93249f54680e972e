"""The observation model: what is seen of a state, p(o | s), and what is read from what is seen.

    features = encoder(o)        p(o | s) = likelihood(o; decoder(s))

It has no loss of its own: a posterior over states trains it, in a `VAE` or in a `LatentWorldModel`.
"""

from typing import Self

from tensordict import TensorDictBase
from torch import Tensor

from ..keys import ObservationShape
from .base import Model
from .decoder import Decoder
from .dict_observation import default_decoder, default_encoder
from .encoder import Encoder
from .observation_shape import Observation


class ObservationModel(Model):
    """Encoder and decoder of one kind of observation, which may be a vector, an image or a dictionary of those.

    Attributes:
        feature_size: F.

    Args:
        observation_shape: (O,), (C, H, W), or a dictionary of those.
        encoder: by default a perceptron for vectors and convolutions for images.
        decoder: by default alike, with Gaussians whose standard deviation is learned.
        learning_rate, weight_decay, gradient_clip: see `Model`.
    """

    def __init__(
        self,
        observation_shape: ObservationShape,
        encoder: Encoder | None = None,
        decoder: Decoder | None = None,
        *,
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        gradient_clip: float | None = None,
    ) -> None:
        super().__init__(learning_rate=learning_rate, weight_decay=weight_decay, gradient_clip=gradient_clip)
        self.observation_shape = observation_shape
        self.encoder = default_encoder(observation_shape) if encoder is None else encoder
        self.decoder = default_decoder(observation_shape) if decoder is None else decoder
        self.feature_size = self.encoder.size

    def build(self, state_size: int) -> Self:
        """Makes the decoder for states of size S."""
        self.decoder.build(state_size)
        return self

    def features(self, observation: Observation) -> Tensor:
        """`[*B, F]` of vectors `[*B, O]`, images `[*B, C, H, W]` in uint8, or a TensorDict of those."""
        return self.encoder(observation)

    def log_likelihood(self, state: Tensor, observation: Observation) -> dict[str, Tensor]:
        """log p(o | s) `[*B]` in nats for states `[*B, S]`, by name; `observation` where there is but one."""
        return self.decoder.log_likelihood(state, observation)

    def decode(self, state: Tensor) -> Observation:
        """E[o | s] of states `[*B, S]` as floats in the observation's own scale: images in [0, 255]."""
        return self.decoder.mean(state)

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        """Nothing: see above."""
        return {}
