"""Gymnasium's spaces as plain values that JSON can hold, and back: what an exported agent says of its environment.

    {"kind": "Box", "shape": [3], "dtype": "float32", "low": [-1.0, -1.0, -8.0], "high": [1.0, 1.0, 8.0]}

A bound that is the same everywhere is one number; an infinite one is a text, since JSON has no infinity.
"""

import math
from typing import Any

import numpy as np
from gymnasium import spaces

MAX_ENTRIES = 10_000_000  # of one array, as a space from elsewhere may claim


def described(space: spaces.Space) -> dict[str, Any]:
    """A space in plain values.

    Raises:
        ValueError: for a kind of space that has no fixed size.
    """
    match space:
        case spaces.Box():
            bounds = {"low": bound(space.low), "high": bound(space.high)}
            return {"kind": "Box", "shape": list(space.shape), "dtype": str(space.dtype), **bounds}
        case spaces.Discrete():
            return {"kind": "Discrete", "n": int(space.n), "start": int(space.start)}
        case spaces.MultiDiscrete():
            return {"kind": "MultiDiscrete", "nvec": space.nvec.tolist()}
        case spaces.MultiBinary():
            return {"kind": "MultiBinary", "n": space.n if isinstance(space.n, int) else list(space.shape)}
        case spaces.Dict():
            return {"kind": "Dict", "spaces": {str(name): described(inner) for name, inner in space.spaces.items()}}
        case spaces.Tuple():
            return {"kind": "Tuple", "spaces": [described(inner) for inner in space.spaces]}
    raise ValueError(f"need a space of fixed size, got {space}")


def space_from(said: Any, place: str = "space") -> spaces.Space:
    """The space that `described` told of.

    Raises:
        ValueError: naming the place, for what is none.
    """
    try:
        match said["kind"]:
            case "Box":
                shape, dtype = sizes(said["shape"]), np.dtype(said["dtype"])
                return spaces.Box(filled(said["low"], shape, dtype), filled(said["high"], shape, dtype), dtype=dtype)
            case "Discrete":
                return spaces.Discrete(int(said["n"]), start=int(said["start"]))
            case "MultiDiscrete":
                return spaces.MultiDiscrete(said["nvec"])
            case "MultiBinary":
                n = said["n"]
                return spaces.MultiBinary(list(sizes(n)) if isinstance(n, list) else int(n))
            case "Dict":
                inner = {str(name): space_from(one, f"{place}.{name}") for name, one in said["spaces"].items()}
                return spaces.Dict(list(inner.items()))
            case "Tuple":
                return spaces.Tuple([space_from(one, f"{place}.{i}") for i, one in enumerate(said["spaces"])])
    except (TypeError, KeyError, AttributeError, AssertionError, OverflowError, ValueError) as error:
        if isinstance(error, ValueError) and str(error).startswith(f"{place}."):
            raise
        raise ValueError(f"{place}: need a described space, got {str(said)[:100]} ({str(error)[:100]})") from error
    raise ValueError(f"{place}: need Box, Discrete, MultiDiscrete, MultiBinary, Dict or Tuple, got {said['kind']!r}")


def bound(values: np.ndarray) -> Any:
    """One number where all are the same, else all of them."""
    if values.size and (values == values.flat[0]).all():
        return finite(values.flat[0].item())
    return numbers(values.tolist())


def numbers(values: Any) -> Any:
    return [numbers(one) for one in values] if isinstance(values, list) else finite(values)


def finite(value: float) -> float | str:
    return str(value) if isinstance(value, float) and math.isinf(value) else value


def filled(said: Any, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """A bound as an array of a shape."""
    given = np.array(rows(said))
    return np.broadcast_to(given.reshape(given.shape + (1,) * (len(shape) - given.ndim)), shape).astype(dtype)


def rows(said: Any) -> Any:
    return [rows(one) for one in said] if isinstance(said, list) else float(said) if isinstance(said, str) else said


def sizes(said: Any) -> tuple[int, ...]:
    """A shape that memory can hold."""
    shape = tuple(int(one) for one in said)
    if min(shape, default=1) < 1 or math.prod(shape) > MAX_ENTRIES:
        raise ValueError(f"shape: need 1 to {MAX_ENTRIES} entries, got {list(shape)}")
    return shape
