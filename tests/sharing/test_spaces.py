"""Spaces through JSON and back, and what is no space."""

import json

import numpy as np
import pytest
from gymnasium import spaces

from fulgurite.sharing.spaces import described, space_from


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(-1, 1, (3,)),
        spaces.Box(np.array([-1, -np.inf]), np.array([0.1, np.inf]), dtype=np.float64),
        spaces.Box(np.array([[0, 0], [1, 0.5]], np.float32), np.full((2, 2), 3, np.float32)),
        spaces.Box(0, 255, (4, 5, 3), np.uint8),
        spaces.Discrete(3, start=2),
        spaces.MultiDiscrete([2, 3]),
        spaces.MultiBinary(3),
        spaces.Dict({"b": spaces.Discrete(2), "a": spaces.Box(0, 1, (2,))}),
        spaces.Tuple([spaces.Discrete(2), spaces.MultiBinary([2, 2])]),
    ],
    ids=str,
)
def test_there_and_back(space: spaces.Space) -> None:
    assert space_from(json.loads(json.dumps(described(space), allow_nan=False))) == space


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (None, "x: need a described space, got None"),
        ({"kind": "Text"}, "x: need Box, Discrete"),
        ({"kind": "Discrete", "n": "many", "start": 0}, "invalid literal"),
        ({"kind": "Discrete", "n": 0, "start": 0}, "x: need a described space"),
        ({"kind": "Box", "shape": [10**9], "dtype": "float32", "low": 0, "high": 1}, "need 1 to 10000000 entries"),
        ({"kind": "Box", "shape": [2], "dtype": "float32", "low": [0, 0, 0], "high": 1}, "broadcast"),
        ({"kind": "Dict", "spaces": {"a": 1}}, "x.a: need a described space, got 1"),
    ],
)
def test_what_is_none_is_refused(said: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        space_from(said, "x")
