"""What is to be built: the checked recipe as a plan of values and nodes, in which the values have their final types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .recipe_kinds import Choice, Function, Kind, Object, Value, members
from .recipe_module import Definition


@dataclass
class Leaf:
    """A value; `path`: it becomes a pathlib.Path; `chosen`: it is one of a Literal's."""

    value: Any
    path: bool = False
    chosen: bool = False


@dataclass
class Listing:
    """A list, or a tuple."""

    items: list[Plan]
    as_tuple: bool = False


@dataclass
class Mapping:
    """A dict."""

    items: dict[str, Plan]


@dataclass
class Shared:
    """What stands at another key: the same object. `plan` is set where that is not a node but a plain container."""

    key: str
    plan: Plan | None = None


@dataclass
class Node:
    """An object, an open object or a function: `definition` with `arguments`, for a slot of this `kind`.

    `sizes` are the arguments that the recipe leaves to the environment.
    """

    key: str
    origin: str
    definition: Definition
    kind: Object | Function
    arguments: dict[str, Plan] = field(default_factory=dict)
    sizes: list[str] = field(default_factory=list)


Plan = Leaf | Listing | Mapping | Shared | Node


def children(plan: Plan) -> list[Plan]:
    """The plans directly below."""
    match plan:
        case Listing(items=items):
            return list(items)
        case Mapping(items=named) | Node(arguments=named):
            return list(named.values())
        case Shared(plan=inner) if inner is not None:
            return [inner]
    return []


def leaf(value: Any, kind: Kind, text: str | None = None) -> Leaf | None:
    """A plain value as `kind` wants it, None where it is not of that kind.

    Exact types go first, so that 1.0 stays a float where both are taken, and a path before a text; then what is meant
    without doubt is converted: 1 to 1.0, 1e4 to 10000, "1e-3" to 0.001, and for a text what the command line said
    literally.
    """
    options = [one for one in members(kind) if isinstance(one, Value | Choice)]
    options.sort(key=lambda one: one == Value("str"))
    for one in options:
        if isinstance(one, Choice):
            if any(value == option and type(value) is type(option) for option in one.options):
                return Leaf(value, chosen=True)
        elif _exact(value, one.name):
            return Leaf(value, path=one.name == "path")
    for one in options:
        if isinstance(one, Value) and (found := _converted(value, one.name, text)) is not None:
            return found
    return None


def _exact(value: Any, name: str) -> bool:
    match name:
        case "int":
            return type(value) is int
        case "float":
            return type(value) is float
        case "bool":
            return type(value) is bool
        case "str" | "path":
            return isinstance(value, str)
        case "null":
            return value is None
    return name == "any"


def _converted(value: Any, name: str, text: str | None) -> Leaf | None:
    if name == "float" and type(value) is int:
        return Leaf(float(value))
    if name == "int" and type(value) is float and value.is_integer():
        return Leaf(int(value))
    if name in ("int", "float") and isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            return None
        return _converted(number, name, None) if name == "int" else Leaf(number)
    if name in ("str", "path") and text is not None and type(value) in (int, float, bool):
        return Leaf(text, path=name == "path")
    return None
