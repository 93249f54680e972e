"""What an environment shows, in the framework's form.

    uint8 with three axes, or two    ->  an image [C, H, W], uint8
    a Dict with images among it      ->  its entries by name: images as above, all others vectors
    anything else                    ->  a vector [O], float32, as Gymnasium flattens it

So a shape with three numbers is an image's, with one a vector's, and a mapping of names to shapes says everything.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..keys import ObservationShape, Shape
from .nonsense import Nonsense, WrongForm

Array = NDArray[np.float32] | NDArray[np.uint8]
Observation = Array | dict[str, Array]


class Vector:
    """Reads observations of a space as vectors `[O]`; refuses what is not of the space, or not finite."""

    def __init__(self, space: spaces.Space, name: str) -> None:
        if not space.is_np_flattenable:
            raise ValueError(f"{name}: need a space of fixed size, got {space}")
        self._space, self._name = space, name
        self.shape = (spaces.flatdim(space),)

    def __call__(self, given: Any) -> NDArray[np.float32]:
        space, name = self._space, self._name
        expect_shape(given, space, name)
        try:
            flat = given if isinstance(space, spaces.Box) else spaces.flatten(space, given)
            vector = np.array(flat, dtype=np.float32).reshape(-1)  # a copy: some environments reuse their array
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise WrongForm(f"{name}: expected one of {space}, got {said}") from error
        if vector.shape != self.shape:
            raise WrongForm(f"{name}: expected {self.shape[0]} numbers, got {len(vector)}")
        if not np.isfinite(vector).all():
            where = np.flatnonzero(~np.isfinite(vector)).tolist()
            raise Nonsense(f"{name}: expected finite numbers, got {vector[where[0]]} at index {where}")
        return vector


class Image:
    """Reads images `[H, W, C]`, `[H, W]` or `[C, H, W]` as `[C, H, W]`."""

    def __init__(self, space: spaces.Box, name: str) -> None:
        if len(space.shape) not in (2, 3):
            raise ValueError(f"{name}: need images [H, W, C], [C, H, W] or [H, W], got {list(space.shape)}")
        self._space, self._name = space, name
        self.shape = channels_first(np.empty(space.shape, np.uint8)).shape

    def __call__(self, given: Any) -> NDArray[np.uint8]:
        expect_shape(given, self._space, self._name)
        image = np.asarray(given)
        if image.dtype != np.uint8:
            raise WrongForm(f"{self._name}: expected an image of uint8, got {image.dtype}")
        return np.array(channels_first(image), order="C")


class Named:
    """Reads the entries of a Dict."""

    def __init__(self, space: spaces.Dict) -> None:
        self._parts: dict[str, Vector | Image] = {}
        for name, inner in space.spaces.items():
            if not isinstance(name, str):
                raise ValueError(f"observation: need text as names of entries, got {name!r}")
            self._parts[name] = one_reader(inner, f"observation.{name}")
        self.shape = {name: part.shape for name, part in self._parts.items()}

    def __call__(self, given: Any) -> dict[str, Array]:
        if not isinstance(given, Mapping) or set(given) != set(self._parts):
            came = ", ".join(map(str, given)) if isinstance(given, Mapping) else type(given).__name__
            raise WrongForm(f"observation: expected the entries {', '.join(self._parts)}, got {came}")
        return {name: part(given[name]) for name, part in self._parts.items()}


def reader(space: spaces.Space) -> Vector | Image | Named:
    """What reads the observations of a space.

    Raises:
        ValueError: for a space that has neither a fixed size nor a place for its images.
    """
    if isinstance(space, spaces.Dict) and any(map(is_image, space.spaces.values())):
        return Named(space)
    return one_reader(space, "observation")


def one_reader(space: spaces.Space, name: str) -> Vector | Image:
    """What reads a space, called `name` in errors, that is not a Dict with images."""
    if isinstance(space, spaces.Box) and is_image(space):
        return Image(space, name)
    if has_images(space):
        raise ValueError(f"{name}: need images alone or as entries of the outermost Dict, got {space}")
    return Vector(space, name)


def is_image(space: spaces.Space) -> bool:
    """Whether a space is one of images."""
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) >= 2


def has_images(space: spaces.Space) -> bool:
    """Whether it is, or contains, one."""
    inner = space.spaces if isinstance(space, spaces.Dict | spaces.Tuple) else ()
    return is_image(space) or any(map(has_images, inner.values() if isinstance(inner, dict) else inner))


def channels_last(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A view `[H, W, C]` of an image.

    Channels are the last axis, or the first one where that is plain: less than the last one, and either 1 or 3, or
    before a square.
    """
    if image.ndim == 2:
        return image[..., None]
    first, height, last = image.shape
    plain = first < last and (first in (1, 3) or height == last)
    return np.moveaxis(image, 0, -1) if plain else image


def channels_first(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A view `[C, H, W]` of an image, see `channels_last`."""
    return np.moveaxis(channels_last(image), -1, 0)


def expect_shape(given: Any, space: spaces.Space, name: str = "observation") -> None:
    """Raises `WrongForm` where an array is expected, alone or by name, and has another shape."""
    if isinstance(space, spaces.Box) and np.shape(given) != space.shape:
        raise WrongForm(f"{name}: expected shape {space.shape}, got {np.shape(given)}")
    if isinstance(space, spaces.Dict) and isinstance(given, Mapping):
        for key in space.spaces.keys() & given.keys():
            expect_shape(given[key], space[key], f"{name}.{key}")


def space_of(shape: ObservationShape) -> spaces.Box | spaces.Dict:
    """The space of observations of a shape."""
    if isinstance(shape, dict):
        return spaces.Dict([(name, space_of(inner)) for name, inner in shape.items()])
    return spaces.Box(0, 255, shape, np.uint8) if len(shape) == 3 else spaces.Box(-np.inf, np.inf, shape, np.float32)


def shape_of(space: spaces.Space) -> ObservationShape:
    """The shape of the observations of such a space."""
    if isinstance(space, spaces.Dict):
        return {name: inner.shape for name, inner in space.spaces.items()}  # type: ignore[misc]
    assert space.shape is not None
    return space.shape


def described(shape: ObservationShape) -> str:
    """A shape in words."""
    if isinstance(shape, dict):
        return ", ".join(f"{name}: {described(inner)}" for name, inner in shape.items())
    return f"{'an image' if len(shape) == 3 else 'a vector'} {list(shape)}"


def packed(observation: Observation) -> bytes:
    """An observation as bytes, entry after entry."""
    entries = observation.values() if isinstance(observation, dict) else [observation]
    return b"".join(entry.tobytes() for entry in entries)


def unpacked(content: bytes, shape: ObservationShape, offset: int = 0) -> Observation:
    """The observation of a shape whose bytes begin at `offset`."""
    if isinstance(shape, dict):
        entries = {}
        for name, inner in shape.items():
            entries[name] = part = _array(content, inner, offset)
            offset += part.nbytes
        return entries
    return _array(content, shape, offset)


def _array(content: bytes, shape: Shape, offset: int) -> Array:
    dtype: Any = np.uint8 if len(shape) == 3 else np.float32
    return np.frombuffer(content, dtype, math.prod(shape), offset).reshape(shape).copy()
