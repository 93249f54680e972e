"""Encoders and decoders of dictionaries, one for each entry, and which of them suits an observation by itself."""

from collections.abc import Callable, Mapping
from typing import Self, TypeVar

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor, nn

from ..keys import ObservationShape, Shape
from .decoder import Decoder
from .encoder import Encoder
from .image_observation import ConvDecoder, ConvEncoder
from .observation_shape import Observation, described, named_shapes
from .vector_observation import MLPDecoder, MLPEncoder

Part = TypeVar("Part")


class DictEncoder(Encoder):
    """The features of the entries, one behind the other in the order of the shapes.

    Args:
        observation_shape: of every entry by name.
        encoders: by name, without their `observation_shape`; an entry that is not named gets the default.

    Raises:
        ValueError: for observations that are no dictionaries, or an encoder of no entry.
    """

    def __init__(
        self, observation_shape: ObservationShape, encoders: Mapping[str, Callable[..., Encoder]] | None = None
    ) -> None:
        super().__init__()
        shapes = named_shapes(observation_shape, type(self).__name__)
        made = known("encoders", encoders or {}, shapes)
        self.encoders = nn.ModuleDict(
            {name: made.get(name, default_encoder)(observation_shape=shape) for name, shape in shapes.items()}
        )
        self.names = tuple(shapes)
        self.size = sum(encoder.size for encoder in self.encoders.values())  # type: ignore[misc]

    def forward(self, observation: Observation) -> Tensor:
        entries = entries_of(observation, self.names)
        return torch.cat([self.encoders[name](entries[name]) for name in self.names], -1)


class DictDecoder(Decoder):
    """The entries are independent, given the state.

    Args:
        observation_shape: of every entry by name.
        decoders: by name, without their `observation_shape`; an entry that is not named gets the default.

    Raises:
        ValueError: for observations that are no dictionaries, or a decoder of no entry.
    """

    def __init__(
        self, observation_shape: ObservationShape, decoders: Mapping[str, Callable[..., Decoder]] | None = None
    ) -> None:
        super().__init__()
        shapes = named_shapes(observation_shape, type(self).__name__)
        made = known("decoders", decoders or {}, shapes)
        self.decoders = nn.ModuleDict(
            {name: made.get(name, default_decoder)(observation_shape=shape) for name, shape in shapes.items()}
        )
        self.names = tuple(shapes)

    def _of(self, name: str) -> Decoder:
        decoder = self.decoders[name]
        assert isinstance(decoder, Decoder)
        return decoder

    def build(self, state_size: int) -> Self:
        for name in self.names:
            self._of(name).build(state_size)
        return self

    def log_likelihood(self, state: Tensor, observation: Observation) -> dict[str, Tensor]:
        entries = entries_of(observation, self.names)
        found = {name: self._of(name).log_likelihood(state, entries[name]) for name in self.names}
        return {name: sum_of(parts) for name, parts in found.items() if parts}

    def mean(self, state: Tensor) -> TensorDict:
        means = {name: self._of(name).mean(state) for name in self.names}
        return TensorDict(means, batch_size=state.shape[:-1])


def default_encoder(observation_shape: ObservationShape) -> Encoder:
    """The encoder for vectors, images or dictionaries of this shape.

    Raises:
        ValueError: for any other shape.
    """
    if isinstance(observation_shape, dict):
        return DictEncoder(observation_shape)
    return {1: MLPEncoder, 3: ConvEncoder}[kind(observation_shape)](observation_shape)


def default_decoder(observation_shape: ObservationShape) -> Decoder:
    """The decoder for vectors, images or dictionaries of this shape.

    Raises:
        ValueError: for any other shape.
    """
    if isinstance(observation_shape, dict):
        return DictDecoder(observation_shape)
    return {1: MLPDecoder, 3: ConvDecoder}[kind(observation_shape)](observation_shape)


def kind(shape: Shape) -> int:
    """1 for a vector and 3 for an image, else `ValueError`."""
    if len(shape) not in (1, 3):
        raise ValueError(f"observation_shape: need a vector (O,) or an image (C, H, W), got {described(shape)}")
    return len(shape)


def known(argument: str, parts: Mapping[str, Part], shapes: Mapping[str, Shape]) -> Mapping[str, Part]:
    """The parts, all of whose names are entries, else `ValueError`."""
    for name in parts:
        if name not in shapes:
            raise ValueError(f"{argument}.{name}: need one of the observations {', '.join(shapes)}, got {name!r}")
    return parts


def entries_of(observation: Observation, names: tuple[str, ...]) -> TensorDictBase:
    """The observation, which has the entries.

    Raises:
        TypeError: for a tensor.
        ValueError: where one is missing.
    """
    if isinstance(observation, Tensor):
        raise TypeError(f"observation: need a TensorDict of {', '.join(names)}, got a tensor {list(observation.shape)}")
    missing = [name for name in names if name not in observation.keys()]  # noqa: SIM118
    if missing:
        raise ValueError(f"observation: need {', '.join(names)}, got no {', '.join(missing)}")
    return observation


def sum_of(parts: dict[str, Tensor]) -> Tensor:
    first, *others = parts.values()
    return sum(others, start=first)
