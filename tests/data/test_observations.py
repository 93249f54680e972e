"""Observations in the framework's form: vectors, images and both by name; as bytes and back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from gymnasium import spaces
from room import SIDES, Room

from fulgurite.data.gymnasium_wrappers import Convention
from fulgurite.data.nonsense import Nonsense, WrongForm
from fulgurite.data.observation_space import channels_last, described, packed, reader, shape_of, space_of, unpacked


def image(*shape: int) -> spaces.Box:
    return spaces.Box(0, 255, shape, np.uint8)


def counted(*shape: int) -> np.ndarray:
    """An image whose numbers all differ."""
    return np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)


def test_an_image_has_its_channels_first() -> None:
    read = reader(image(4, 6, 3))
    given = counted(4, 6, 3)
    seen = read(given)
    assert seen.shape == read.shape == (3, 4, 6)
    assert seen.dtype == np.uint8
    assert seen.flags.c_contiguous
    assert [seen[1, 2, 3], seen[2, 3, 5]] == [given[2, 3, 1], given[3, 5, 2]]
    given[:] = 0
    assert seen.any()  # a copy


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((64, 64, 3), (3, 64, 64)),
        ((3, 64, 64), (3, 64, 64)),
        ((1, 48, 64), (1, 48, 64)),
        ((3, 48, 64), (3, 48, 64)),
        ((12, 64, 64), (12, 64, 64)),  # four frames
        ((64, 64, 12), (12, 64, 64)),
        ((8, 8, 12), (12, 8, 8)),
        ((48, 64), (1, 48, 64)),
        ((7, 7, 3), (3, 7, 7)),
    ],
)
def test_where_the_channels_are(shape: tuple[int, ...], seen: tuple[int, ...]) -> None:
    assert reader(image(*shape)).shape == seen
    assert channels_last(np.zeros(shape, np.uint8)).shape == (*seen[1:], seen[0])


def test_a_dict_with_images_keeps_its_names() -> None:
    env = Convention(Room())
    shape = {"camera": (3, *SIDES), "door": (3,), "joints": (4,)}
    assert shape_of(env.observation_space) == shape
    env.reset(seed=1)
    seen = env.step(np.array([0.5], np.float32))[0]
    assert {name: (entry.shape, entry.dtype) for name, entry in seen.items()} == {
        name: (size, np.uint8 if len(size) == 3 else np.float32) for name, size in shape.items()
    }
    assert seen["camera"][:, -1, 0].tolist() == [1, 1, 1]
    assert seen["camera"][:, -1, -1].tolist() == [150, 150, 150]
    assert seen["door"].tolist() == [0, 1, 0]
    assert seen["joints"][[0, 1, 3]].tolist() == [1, 0.5, 0.5]


def test_a_dict_without_images_is_a_vector() -> None:
    env = Convention(Room(("joints", "door")))
    assert shape_of(env.observation_space) == (7,)
    assert env.reset(seed=1)[0][:3].tolist() == [1, 0, 0]  # Gymnasium sorts the names


def changed(**entries: Any) -> Callable[[Room], Any]:
    return lambda room: {**Room.seen(room), **entries}


@pytest.mark.parametrize(
    ("seen", "kind", "says"),
    [
        (changed(camera=np.zeros((6, 8, 4), np.uint8)), WrongForm, r"observation.camera: expected shape \(6, 8, 3\)"),
        (changed(camera=np.zeros((6, 8, 3))), WrongForm, "observation.camera: expected an image of uint8, got float64"),
        (changed(joints=np.zeros(4)), WrongForm, r"observation.joints: expected shape \(2, 2\), got \(4,\)"),
        (
            changed(joints=np.full((2, 2), np.nan)),
            Nonsense,
            r"observation.joints: expected finite .* nan at index \[0,",
        ),
        (changed(door="ajar"), WrongForm, r"observation.door: expected one of Discrete\(3\)"),
        (changed(window=1), WrongForm, "expected the entries camera, door, joints, got camera, joints, door, window"),
        (lambda room: Room.seen(room)["camera"], WrongForm, "expected the entries camera, door, joints, got ndarray"),
    ],
)
def test_what_is_not_of_the_space_is_refused(seen: Any, kind: type[Exception], says: str) -> None:
    class Broken(Room):
        def seen(self) -> Any:
            return seen(self)

    with pytest.raises(kind, match=says):
        Convention(Broken()).reset(seed=0)


@pytest.mark.parametrize("shows", [("camera",), ("joints",), ("camera", "joints", "door")])
def test_bytes_and_back(shows: tuple[str, ...]) -> None:
    env = Convention(Room(shows))
    seen, _ = env.reset(seed=3)
    shape = shape_of(env.observation_space)
    assert space_of(shape) == env.observation_space
    content = packed(seen)
    back = unpacked(b"head" + content, shape, 4)
    assert packed(back) == content
    assert env.observation_space.contains(back)
    for name in back if isinstance(back, dict) else ():
        np.testing.assert_array_equal(back[name], seen[name])


def test_a_shape_in_words() -> None:
    assert described({"a": (3, 6, 8), "b": (4,)}) == "a: an image [3, 6, 8], b: a vector [4]"
