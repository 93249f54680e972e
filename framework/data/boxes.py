"""Wrappers that treat every array of an observation alike, whether it stands alone or is an entry of a Dict."""

from collections.abc import Callable
from typing import Any

from gymnasium import spaces

Change = Callable[[str, Any], Any]


def boxes(space: spaces.Space, who: str) -> dict[str, spaces.Box]:
    """The arrays of a space by name; one that stands alone has none.

    Raises:
        ValueError: for a space that has others, in the name of `who`.
    """
    named = dict(space.spaces) if isinstance(space, spaces.Dict) else {"": space}
    if not all(isinstance(inner, spaces.Box) for inner in named.values()):
        raise ValueError(f"{who}: need observations that are arrays, or a Dict of arrays, got {space}")
    return named  # type: ignore[return-value]


def vector(space: spaces.Space, who: str) -> spaces.Box:
    """The space of a vector.

    Raises:
        ValueError: for any other, in the name of `who`.
    """
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise ValueError(f"{who}: need observations that are vectors (list it before what makes images), got {space}")
    return space


def joined(space: spaces.Space, changed: dict[str, spaces.Box]) -> spaces.Space:
    """A space like that from which `boxes` took the arrays, with others in their place."""
    return spaces.Dict(list(changed.items())) if isinstance(space, spaces.Dict) else changed[""]


def change(observation: Any, space: spaces.Space, with_: Change) -> Any:
    """An observation of the space in which every array is changed: `with_(name, array)`."""
    if isinstance(space, spaces.Dict):
        return {name: with_(name, observation[name]) for name in space.spaces}
    return with_("", observation)
