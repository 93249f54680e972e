"""Builds a checked plan: imports what it names, checks the real classes, calls them from the leaves up."""

from __future__ import annotations

import importlib
import inspect
import random
import sys
import traceback
from collections import abc
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from .recipe_error import EXTRAS, MissingExtra, RecipeError, Unfit, shown
from .recipe_kinds import Function
from .recipe_module import Definition
from .recipe_plan import Leaf, Listing, Mapping, Node, Plan, Shared
from .recipe_source import Sources

Sizes = abc.Mapping[str, Any]


class Build:
    """One building of a plan. A node that several keys share is built once.

    Args:
        nodes: all nodes by their keys.
        sources: where their classes were found.
        sizes: what is known of the environment by name, which is then not asked.
    """

    def __init__(self, nodes: dict[str, Node], sources: Sources, sizes: Sizes | None = None):
        self.nodes, self.sources, self.sizes = nodes, sources, dict(sizes or {})
        self.built: dict[str, Any] = {}

    def run(self, root: Node, part: Node | None = None) -> Any:
        """The root object, or one part of it alone with what that refers to.

        Raises:
            RecipeError: where a class refuses its arguments, or is not what its source promised.
            MissingExtra: where a package of an extra is not installed.
        """
        # Ours, and torch with it, is imported before the user's folders are on the path: a `random.py` of theirs
        # must not hide Python's from anything but themselves.
        importlib.import_module(self.sources.root.rpartition(".")[0])
        for folder in reversed(self.sources.folders):
            if str(folder) not in sys.path:
                sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        self._seed(root)
        return self._node(part or root)

    def _seed(self, root: Node) -> None:
        """Seeds every global generator, since building an agent draws its first weights."""
        seed = root.arguments.get("seed")
        if isinstance(seed, Leaf) and isinstance(seed.value, int):
            if not 0 <= seed.value < 2**32:
                raise RecipeError(f"{place(root)}: seed: expected 0 to {2**32 - 1}, got {shown(seed.value)}")
            torch, numpy = importlib.import_module("torch"), importlib.import_module("numpy")
            torch.manual_seed(seed.value)
            numpy.random.seed(seed.value)
            random.seed(seed.value)

    def _value(self, plan: Plan) -> Any:
        match plan:
            case Leaf(value=value, path=is_path):
                return Path(value) if is_path else value
            case Listing(items=items, as_tuple=as_tuple):
                values = [self._value(item) for item in items]
                return tuple(values) if as_tuple else values
            case Mapping(items=named):
                return {name: self._value(item) for name, item in named.items()}
            case Shared(key=key, plan=inner):
                return self._node(self.nodes[key]) if inner is None else self._value(inner)
            case Node():
                return self._node(plan)

    def _node(self, node: Node) -> Any:
        if node.key not in self.built:
            real = self._real(node)
            arguments = {name: self._value(plan) for name, plan in node.arguments.items()}
            arguments |= {size: self._size(node, size) for size in node.sizes}
            if isinstance(node.kind, Function):
                self.built[node.key] = partial(real, **arguments) if arguments else real
            elif node.kind.open:
                self.built[node.key] = partial(real, **arguments)
            else:
                with _explained(node):
                    self.built[node.key] = real(**arguments)
        return self.built[node.key]

    def _size(self, node: Node, size: str) -> Any:
        if size in self.sizes:
            return self.sizes[size]
        environment = self.nodes.get("environment")
        if environment is None:
            raise RecipeError(f"{place(node)}: {node.definition.name} needs '{size}', and no environment tells it")
        built = self._node(environment)
        try:
            with _explained(environment):
                return getattr(built, size)
        except Unfit as error:
            raise RecipeError(f"{place(node)}: {node.definition.name}: {error}") from error

    def _real(self, node: Node) -> Any:
        """The class or function itself, once it is sure to be the one whose source was checked."""
        found = _imported(node, node.definition)
        if isinstance(node.kind, Function):
            return found
        base = _imported(node, node.kind.base)
        if not getattr(base, "_is_protocol", False) and not (inspect.isclass(found) and issubclass(found, base)):
            raise RecipeError(
                f"{place(node)}: expected {node.kind}, got {node.definition.path}, which is none when imported"
            )
        return found


def place(node: Node) -> str:
    """File and key of a node."""
    return f"{node.origin}: {node.key}" if node.key else node.origin


def _imported(node: Node, definition: Definition) -> Any:
    name = definition.module.name
    with _explained(node, f"cannot import '{name}'"):
        module = importlib.import_module(name)
    file = getattr(module, "__file__", None)
    if file is None or Path(file).resolve() != definition.module.path.resolve():
        raise RecipeError(
            f"{place(node)}: {definition.module.path} is hidden by the module {file or name}; give it another name"
        )
    return getattr(module, definition.name)


@contextmanager
def _explained(node: Node, doing: str = "") -> Iterator[None]:
    """Turns what a class says of its arguments, or an import of itself, into an error at the node's key."""
    try:
        yield
    except (RecipeError, MissingExtra, Unfit):
        raise
    except ImportError as error:
        if error.name is not None and error.name.partition(".")[0] in EXTRAS:
            raise MissingExtra(error.name.partition(".")[0]) from error
        raise RecipeError(f"{place(node)}: {doing or node.definition.name}: {error}{_line(error)}") from error
    except Exception as error:
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        raise RecipeError(f"{place(node)}: {doing or node.definition.name}: {said}{_line(error)}") from error


def _line(error: BaseException) -> str:
    """Where it was raised, for which a one-line message has no traceback."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
