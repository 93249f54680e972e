"""Encoder and decoder of images: convolutions of kernel 4 and stride 2 that halve the image down to 4 pixels.

    64 x 64 x C -> 32 x 32 x c -> 16 x 16 x 2c -> 8 x 8 x 4c -> 4 x 4 x 8c = features

and back by transposed convolutions. Hafner et al. 2019 (PlaNet), appendix A, where c = 32; with a padding of 1, so that
every power of two works and no pixel is left over. One of 64 pixels has their 4 layers and widths.
"""

from collections.abc import Sequence
from typing import Self

from torch import Tensor, nn

from ..keys import ObservationShape, Shape
from .decoder import TensorDecoder
from .encoder import Encoder
from .likelihood import LearnedGaussianLikelihood, Likelihood
from .networks import ACTIVATIONS
from .observation_shape import Observation, image_size, rows_of, seen
from .pieces import in_pieces
from .trunk import Trunk

SMALLEST = 4  # pixels of the shorter side that are left
LAST = 0.3  # images start this many times as varied: their range is 1, and grey is a fair first guess


class ConvEncoder(Encoder):
    """Features are the last layer, all of it.

    Args:
        observation_shape: (C, H, W), the sides powers of two and at least 8; images are uint8.
        channels: c, of the first layer; 8 is fast on a CPU, 32 is the literature's.
        activation: one of silu, relu, tanh, elu, gelu.

    Raises:
        ValueError: for observations that are no such images.
    """

    def __init__(self, observation_shape: ObservationShape, channels: int = 8, activation: str = "relu") -> None:
        super().__init__()
        self.shape = image_size(observation_shape, type(self).__name__)
        widths = layer_widths(self.shape, channels, type(self).__name__)
        self.activation = checked(activation)
        self.layers = nn.ModuleList(
            nn.Conv2d(before, after, kernel_size=4, stride=2, padding=1)
            for before, after in zip([self.shape[0], *widths], widths, strict=False)
        )
        for layer in self.layers:
            start(layer, weights=16, gain=2)
        _, height, width = self.shape
        self.size = widths[-1] * (height >> len(widths)) * (width >> len(widths))

    def forward(self, observation: Observation) -> Tensor:
        rows = rows_of(observation, self.shape)
        return in_pieces(self._features, rows).view(*observation.shape[:-3], self.size)

    def _features(self, images: Tensor) -> Tensor:
        phi = ACTIVATIONS[self.activation]
        x = seen(images, next(self.parameters()).dtype)
        for layer in self.layers:
            x = phi(layer(x), self.activation == "relu")  # its gradient needs only what it gave
        return x.flatten(1)


class ConvDecoder(TensorDecoder):
    """From the state to 4 x 4 x 8c, and up.

    Args:
        observation_shape: (C, H, W), the sides powers of two and at least 8.
        likelihood: by default a Gaussian with one learned standard deviation.
        channels, activation: see `ConvEncoder`.
        hidden: sizes of the layers of a `Trunk` before the first. A state of few numbers needs some, one that holds a
            network's memory none.

    Raises:
        ValueError: for observations that are no such images.
    """

    trunk: Trunk
    first: nn.Linear

    def __init__(
        self,
        observation_shape: ObservationShape,
        likelihood: Likelihood | None = None,
        channels: int = 8,
        activation: str = "relu",
        hidden: Sequence[int] = (),
    ) -> None:
        shape = image_size(observation_shape, type(self).__name__)
        super().__init__(shape, LearnedGaussianLikelihood() if likelihood is None else likelihood)
        self.hidden = hidden
        self.widths = layer_widths(shape, channels, type(self).__name__)[::-1]
        self.activation = checked(activation)
        outputs = [*self.widths[1:], shape[0] * self.likelihood.parts]
        self.layers = nn.ModuleList(
            nn.ConvTranspose2d(before, after, kernel_size=4, stride=2, padding=1)
            for before, after in zip(self.widths, outputs, strict=True)
        )
        for layer in self.layers:  # of 16 weights, a stride of 2 gives 4 to each pixel
            start(layer, weights=4, gain=2)
        start(self.layers[-1], weights=4, gain=2 * LAST**2)

    def build(self, state_size: int) -> Self:
        self.trunk = Trunk(state_size, self.hidden)
        self.first = nn.Linear(self.trunk.size, self.widths[0] * self._smallest()[0] * self._smallest()[1])
        start(self.first, weights=1, gain=1)
        return self

    def _smallest(self) -> tuple[int, int]:
        return self.shape[1] >> len(self.widths), self.shape[2] >> len(self.widths)

    def forward(self, state: Tensor) -> Tensor:
        phi = ACTIVATIONS[self.activation]
        x = self.first(self.trunk(state)).unflatten(-1, (*self._smallest(), self.widths[0]))
        x = x.permute(0, 3, 1, 2)  # [N, 8c, 4, 4] with the channels last in memory
        for layer in self.layers:
            x = layer(phi(x, self.activation == "relu"))
        return x.unflatten(1, (self.likelihood.parts, self.shape[0]))


def start(layer: nn.Module, weights: int, gain: float) -> None:
    """Normal weights of variance gain / (inputs x weights): 2 keeps the size of what rectified layers pass on.

    With torch's own the image would hardly depend on the state at first, and nothing is learned for hundreds of
    updates. He et al. 2015, equations 10 and 14.
    """
    assert isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)
    assert layer.bias is not None
    inputs = layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels
    nn.init.normal_(layer.weight, std=(gain / (inputs * weights)) ** 0.5)
    nn.init.zeros_(layer.bias)


def layer_widths(shape: Shape, channels: int, part: str) -> list[int]:
    """c, 2c, 4c, ... for the layers that an image of shape (C, H, W) needs.

    Raises:
        ValueError: for sides that are no powers of two or less than 8, or no channels.
    """
    sides = shape[1:]
    if any(side < 2 * SMALLEST or side & (side - 1) for side in sides):
        wanted = "sides that are powers of two and at least 8, such as 64 x 64"
        raise ValueError(f"{part}: observation_shape: need {wanted}, got {sides[0]} x {sides[1]}")
    if channels < 1:
        raise ValueError(f"{part}: channels: need at least 1, got {channels}")
    layers = (min(sides) // SMALLEST).bit_length() - 1
    return [channels << layer for layer in range(layers)]


def checked(activation: str) -> str:
    """The name of an activation that there is, else `ValueError`."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation: need one of {', '.join(ACTIVATIONS)}, got {activation!r}")
    return activation
