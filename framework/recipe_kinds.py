"""What a slot takes: an annotation, read from source, becomes a Kind.

    int, float, bool, str, Path, None     a value
    Literal["a", "b"]                     one of these
    list[X], tuple[X, ...], Sequence[X]   a list
    dict[str, X]                          a mapping
    X, a class                            an object: a subclass of X is built
    Callable[..., X]                      an open object: a subclass of X whose other arguments come later
    RewardFunction, TerminationFunction   a function that starts with these arguments; nothing else takes one
    Any, and what cannot be read          any plain value, never an object

So nothing is ever called but a subclass of a slot's class and a function in those two slots.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from .recipe_module import Definition, Imported, Module
from .recipe_source import Sources

# The aliases that take a function, and the arguments such a function starts with.
FUNCTIONS = {"RewardFunction": ("state", "action", "next_state"), "TerminationFunction": ("next_state",)}

VALUES = {"int": "int", "float": "float", "bool": "bool", "str": "str", "Path": "path", "PathLike": "path"}
LISTS = {"list", "List", "Sequence", "Iterable", "Collection", "MutableSequence"}
TUPLES = {"tuple", "Tuple"}
MAPPINGS = {"dict", "Dict", "Mapping", "MutableMapping"}
LIBRARY = {"builtins", "typing", "typing_extensions", "collections.abc", "collections", "pathlib", "os", "types"}


@dataclass(frozen=True)
class Value:
    """A plain value: int, float, bool, str, path, null, any of them, or never: nothing that a recipe can give."""

    name: str

    def __str__(self) -> str:
        words = {"str": "text", "path": "a path", "any": "a plain value", "never": "no value from a recipe"}
        return words.get(self.name, self.name)


@dataclass(frozen=True)
class Choice:
    """One of a Literal's values."""

    options: tuple[object, ...]

    def __str__(self) -> str:
        return "one of " + ", ".join(map(str, self.options))


@dataclass(frozen=True)
class Items:
    """A list (built as a tuple where `as_tuple`); `kinds` are one for all items or, when `fixed`, one each."""

    kinds: tuple[Kind, ...]
    as_tuple: bool = False
    fixed: bool = False

    def __str__(self) -> str:
        return f"a list of {len(self.kinds)}" if self.fixed else f"a list of {self.kinds[0]}"


@dataclass(frozen=True)
class Table:
    """A mapping of names to values of one kind."""

    item: Kind

    def __str__(self) -> str:
        return f"a mapping to {self.item}" if isinstance(self.item, Object) else "a mapping"


@dataclass(frozen=True)
class Object:
    """An object of a subclass of `base`; `open` for `Callable[..., X]`, whose other arguments come later."""

    base: Definition
    open: bool = False

    def __str__(self) -> str:
        name = self.base.name
        return f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


@dataclass(frozen=True)
class Function:
    """A function that takes these arguments first."""

    arguments: tuple[str, ...]

    def __str__(self) -> str:
        return f"a function of ({', '.join(self.arguments)})"


@dataclass(frozen=True)
class OneOf:
    """A union."""

    kinds: tuple[Kind, ...]

    def __str__(self) -> str:
        return " or ".join(dict.fromkeys(str(kind) for kind in self.kinds))


Kind = Value | Choice | Items | Table | Object | Function | OneOf
ANY, NULL, NEVER = Value("any"), Value("null"), Value("never")


def members(kind: Kind) -> list[Kind]:
    """The alternatives of a kind, itself alone where there are none."""
    return [inner for one in kind.kinds for inner in members(one)] if isinstance(kind, OneOf) else [kind]


def one_of(kinds: list[Kind]) -> Kind:
    """The union of kinds, each once."""
    flat = list(dict.fromkeys(inner for kind in kinds for inner in members(kind)))
    return flat[0] if len(flat) == 1 else OneOf(tuple(flat))


class Kinds:
    """Reads annotations in the module where they are written."""

    def __init__(self, sources: Sources):
        self.sources = sources

    def of(self, annotation: ast.expr | None, module: Module, depth: int = 0) -> Kind:
        """The kind of an annotation; ANY where there is none or it cannot be read."""
        if annotation is None or depth > 20:
            return ANY
        match annotation:
            case ast.Constant(value=None):
                return NULL
            case ast.Constant(value=str(text)):
                return self.of(_parsed(text), module, depth + 1)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return one_of([self.of(left, module, depth + 1), self.of(right, module, depth + 1)])
            case ast.Subscript(value=head, slice=inside):
                return self._subscript(self._library(head, module), annotation, inside, module, depth + 1)
            case ast.Name() | ast.Attribute():
                return self._name(annotation, module, depth + 1)
        return ANY

    def _name(self, expression: ast.Name | ast.Attribute, module: Module, depth: int) -> Kind:
        name = self._library(expression, module)
        if name in VALUES:
            return Value(VALUES[name])
        if name in LISTS | TUPLES:
            return Items((ANY,), as_tuple=name in TUPLES)
        if name in MAPPINGS:
            return Table(ANY)
        if name == "Callable":
            return NEVER
        if name:
            return ANY
        found = self.sources.resolve(module, expression)
        if not isinstance(found, Definition):
            return ANY
        if found.is_class:
            return Object(found)
        if found.name in FUNCTIONS and self.sources.is_ours(found.module):
            return Function(FUNCTIONS[found.name])
        if isinstance(found.node, ast.expr):  # an alias
            return self.of(found.node, found.module, depth)
        return ANY

    def _subscript(self, name: str, whole: ast.expr, inside: ast.expr, module: Module, depth: int) -> Kind:
        parts = list(inside.elts) if isinstance(inside, ast.Tuple) else [inside]
        if name == "Literal":
            return Choice(tuple(part.value for part in parts if isinstance(part, ast.Constant)))
        if name == "Callable":
            returned = self.of(parts[-1], module, depth)
            any_arguments = isinstance(parts[0], ast.Constant) and parts[0].value is ...
            return Object(returned.base, open=True) if any_arguments and isinstance(returned, Object) else NEVER
        if name in {"Annotated", "Final"}:
            return self.of(parts[0], module, depth)
        if name in LISTS | TUPLES | MAPPINGS | {"Union", "Optional"}:
            inner = [self.of(part, module, depth) for part in parts if not _is_ellipsis(part)]
            if name in {"Union", "Optional"}:
                return one_of(inner + [NULL] * (name == "Optional"))
            if name in MAPPINGS:
                return Table(inner[-1])
            fixed = name in TUPLES and not _is_ellipsis(parts[-1])
            return Items(tuple(inner), as_tuple=name in TUPLES, fixed=fixed)
        if name:
            return ANY
        assert isinstance(whole, ast.Subscript)
        return self.of(whole.value, module, depth)  # a generic class of somebody's

    def _library(self, expression: ast.expr, module: Module) -> str:
        """The last name of something of Python's own library (`Optional` of `typing.Optional`), else nothing."""
        match expression:
            case ast.Name(id=name):
                entry = module.names.get(name)
                if entry is None:
                    return name if name in BUILTINS else ""
                if isinstance(entry, Imported) and entry.module in LIBRARY:
                    return entry.name or ""
            case ast.Attribute(value=ast.Name(id=owner), attr=name):
                entry = module.names.get(owner)
                if isinstance(entry, Imported) and entry.name is None and entry.module in LIBRARY:
                    return name
                if isinstance(entry, Imported) and f"{entry.module}.{entry.name}" in LIBRARY:
                    return name
        return ""


BUILTINS = {*VALUES, *LISTS, *TUPLES, *MAPPINGS, "object", "bytes", "complex", "set", "frozenset", "type"} - {"Path"}


def _is_ellipsis(expression: ast.expr) -> bool:
    return isinstance(expression, ast.Constant) and expression.value is ...


def _parsed(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None
