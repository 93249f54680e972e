"""What a module binds at its top level, read from its source with ast: classes, functions, aliases and imports."""

from __future__ import annotations

import ast
import gc
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .recipe_error import RecipeError


@dataclass(frozen=True)
class Imported:
    """A name that `from module import name` (or `import module`, then `name` is None) binds."""

    module: str
    name: str | None


Entry = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr | Imported


@dataclass(eq=False)
class Module:
    """A module's top-level names, read from its source. `earlier` holds what a class's name was before the class."""

    name: str
    path: Path
    users: bool = False  # from the user's own folders
    names: dict[str, Entry] = field(default_factory=dict)
    earlier: dict[str, Entry] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)

    @property
    def package(self) -> str:
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@dataclass(frozen=True)
class Definition:
    """A class, a function or an alias (any other assigned expression) where it is written."""

    module: Module
    name: str
    node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef | ast.expr

    @property
    def path(self) -> str:
        return f"{self.module.name}.{self.name}"

    @property
    def is_class(self) -> bool:
        return isinstance(self.node, ast.ClassDef)

    @property
    def is_function(self) -> bool:
        return isinstance(self.node, ast.FunctionDef)

    def same(self, other: Definition) -> bool:
        return self.name == other.name and self.module.path == other.module.path


def read(name: str, path: Path, users: bool) -> Module:
    """Reads a module; a RecipeError says where python cannot read it."""
    collecting = gc.isenabled()
    gc.disable()  # it would look through the growing tree again and again: a third of the time
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise RecipeError(f"{path}: line {line}: python cannot read it: {getattr(error, 'msg', error)}") from error
    finally:
        if collecting:
            gc.enable()
    module = Module(name, path, users)
    _bind(module, tree.body)
    return module


def _bind(module: Module, statements: Iterable[ast.stmt]) -> None:
    """Notes what the statements bind; the first branch of an `if` or `try` wins over its alternatives."""
    for statement in statements:
        match statement:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                if statement.name in module.names:
                    module.earlier[statement.name] = module.names[statement.name]
                module.names[statement.name] = statement
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                module.names[name] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                module.names[name] = value
            case ast.Import(names=aliases):
                for alias in aliases:
                    bound = alias.asname or alias.name.partition(".")[0]
                    module.names[bound] = Imported(alias.name if alias.asname else bound, None)
            case ast.ImportFrom(names=aliases):
                source = _absolute(module, statement)
                for alias in aliases:
                    if alias.name == "*":
                        module.stars.append(source)
                    else:
                        module.names[alias.asname or alias.name] = Imported(source, alias.name)
            case ast.If(body=body, orelse=other):
                _bind(module, [*other, *body])
            case ast.Try(body=body, handlers=handlers):
                _bind(module, [*(inner for handler in handlers for inner in handler.body), *body])


def _absolute(module: Module, statement: ast.ImportFrom) -> str:
    if not statement.level:
        return statement.module or ""
    parts = module.package.split(".")
    base = parts[: len(parts) - statement.level + 1]
    return ".".join([*base, statement.module] if statement.module else base)
