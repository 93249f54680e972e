"""Finds modules, classes and functions in their source files, without importing anything.

Checking a recipe takes milliseconds this way (importing torch takes seconds), and a recipe that names something
it should not is refused before a line of that something has run. Names are followed through re-exports
(`from .cem import CEM`), star imports and aliases, in our package, in the user's folders and in what is installed.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from importlib.machinery import all_suffixes
from pathlib import Path

from .recipe_error import plain
from .recipe_module import Definition, Entry, Imported, Module, read

ROOT = "fulgurite.runs.experiment.Experiment"


class Sources:
    """Where classes are looked up.

    Args:
        folders: the user's folders, in order: the recipe's, then the working folder.
        ours: our packages and their folders; a bare name in a recipe is a class of one of them.
        root: the class whose signature a recipe's top-level keys follow.
        closed: a folder in which no module may lie, links followed: that of a run.
    """

    def __init__(
        self,
        folders: Sequence[Path] = (),
        ours: Mapping[str, Path] | None = None,
        root: str = ROOT,
        closed: Path | None = None,
    ):
        self.folders = list(dict.fromkeys(folder.resolve() for folder in folders))
        self.ours = dict(ours) if ours is not None else _our_folders()
        self.root, self.closed = root, closed
        self._modules: dict[tuple[str, bool], Module | None] = {}

    def module(self, name: str, users: bool = False) -> Module | None:
        """The module of this dotted name, or None where there is no source; `users`: look in the user's folders too."""
        key = (name, users)
        if key not in self._modules:
            found = self._locate(name, users)
            self._modules[key] = read(name, *found) if found else None
        return self._modules[key]

    def is_ours(self, module: Module) -> bool:
        """Whether a module belongs to our packages."""
        return any(module.name == package or module.name.startswith(f"{package}.") for package in self.ours)

    def _locate(self, name: str, users: bool) -> tuple[Path, bool] | None:
        for package in sorted(self.ours, key=len, reverse=True):
            if name == package or name.startswith(package + "."):
                path = _file(self.ours[package], name[len(package) + 1 :])
                return (path, False) if path else None
        if self.is_closed(name):
            return None
        for folder in self.folders if users else ():
            if path := _file(folder, name):
                return path, True
        top, _, rest = name.partition(".")
        for place in _installed(top):
            if path := place if place.is_file() and not rest else _file(place, rest):
                return path, False
        return None

    def is_closed(self, name: str) -> bool:
        """Whether Python could find a module of this name, or a package around it, in the closed folder."""
        if self.closed is None:
            return False
        pythons = sysconfig.get_paths().values()  # a run may lie around an environment
        places = [*self.folders, *(Path(place) for place in sys.path if place not in pythons)]
        parts = name.split(".")
        bases = [str(place.joinpath(*parts[:end])) for place in places for end in range(1, len(parts) + 1)]
        found = (
            Path(base + suffix) for base in bases for suffix in ("", *all_suffixes()) if os.path.exists(base + suffix)
        )
        return any(one.resolve().is_relative_to(self.closed) for path in found for one in (path, path.parent))

    def lookup(
        self, module: Module, name: str, seen: frozenset[tuple[Path, str]] = frozenset()
    ) -> Definition | Module | None:
        """What a module's `name` is, followed to where it is defined."""
        if (module.path, name) in seen:
            return None
        entry = module.names.get(name)
        return self._follow(module, name, entry, seen | {(module.path, name)})

    def base(self, cls: Definition, expression: ast.expr) -> Definition | None:
        """The class that a base expression of `cls` means; None where it has no readable source."""
        if isinstance(expression, ast.Name) and expression.id == cls.name:  # class CEM(CEM), the other one imported
            earlier = cls.module.earlier.get(cls.name)
            found = self._follow(cls.module, cls.name, earlier, frozenset()) if earlier is not None else None
        else:
            found = self.resolve(cls.module, expression)
        return found if isinstance(found, Definition) and found.is_class else None

    def _follow(
        self, module: Module, name: str, entry: Entry | None, seen: frozenset[tuple[Path, str]]
    ) -> Definition | Module | None:
        if isinstance(entry, Imported):
            source = self.module(entry.module, module.users)
            if entry.name is None or source is None:
                return source
            return self.lookup(source, entry.name, seen) or self.module(f"{entry.module}.{entry.name}", module.users)
        if isinstance(entry, ast.Name | ast.Attribute):
            return self.resolve(module, entry, seen) or Definition(module, name, entry)
        if entry is not None:
            return Definition(module, name, entry)
        for star in module.stars:
            source = self.module(star, module.users)
            if source is not None and (found := self.lookup(source, name, seen)):
                return found
        return self.module(f"{module.name}.{name}", module.users) if module.package == module.name else None

    def resolve(
        self, module: Module, expression: ast.expr, seen: frozenset[tuple[Path, str]] = frozenset()
    ) -> Definition | Module | None:
        """What an expression such as `pl.Trainer` means inside `module`."""
        if isinstance(expression, ast.Subscript):  # Base[T]
            return self.resolve(module, expression.value, seen)
        if isinstance(expression, ast.Name):
            return self.lookup(module, expression.id, seen)
        if isinstance(expression, ast.Attribute):
            owner = self.resolve(module, expression.value, seen)
            return self.lookup(owner, expression.attr, seen) if isinstance(owner, Module) else None
        return None

    def dotted(self, target: str) -> Definition | Module | str:
        """What a dotted `target` of a recipe is, or the reason why it is nothing."""
        parts = target.split(".")
        for length in range(len(parts) - 1, 0, -1):
            found: Definition | Module | None = self.module(".".join(parts[:length]), users=True)
            if found is None:
                continue
            for part in parts[length:]:
                if not isinstance(found, Module):
                    return f"'{target}' is not at the top level of its module"
                owner, found = found, self.lookup(found, part)
                if found is None:
                    return f"{owner.name} has no '{part}'"
            return found
        return f"no module '{'.'.join(parts[:-1])}' in the recipe's folder, the working folder or what is installed"

    @cached_property
    def index(self) -> dict[str, list[str]]:
        """Our top-level classes and functions: bare name to the modules that define it."""
        index: dict[str, list[str]] = {}
        for name, text in self._our_texts.items():
            for found in re.findall(r"^(?:class|def) ([A-Za-z]\w*)", text, re.MULTILINE):
                index.setdefault(found, []).append(name)
        return index

    @cached_property
    def functions(self) -> list[str]:
        """The bare names of our functions."""
        texts = self._our_texts.values()
        return [name for text in texts for name in re.findall(r"^def ([A-Za-z]\w*)", text, re.MULTILINE)]

    def heirs(self, name: str) -> list[str]:
        """Our classes that derive from a class called `name`, at whatever distance; a class without any is final."""
        found: list[str] = []
        above = [name]
        while above:
            above = [heir for heir, bases in self._bases.items() if heir not in found and set(bases) & set(above)]
            found += above
        return found

    @cached_property
    def _bases(self) -> dict[str, list[str]]:
        bases = {}
        for text in self._our_texts.values():
            for name, inside in re.findall(r"^class (\w+)\(([^)]*)\):", text, re.MULTILINE):
                if not name.startswith("_"):
                    bases[name] = [base.strip().rpartition(".")[2].partition("[")[0] for base in inside.split(",")]
        return bases

    @cached_property
    def _our_texts(self) -> dict[str, str]:
        texts = {}
        for package, folder in self.ours.items():
            for path in sorted(folder.rglob("*.py")):
                parts = list(path.relative_to(folder).with_suffix("").parts)
                if parts[0] == "cli" or any(f"{package}.{parts[0]}" == other for other in self.ours):
                    continue
                name = ".".join([package, *(parts[:-1] if parts[-1] == "__init__" else parts)])
                texts[name] = path.read_text(encoding="utf-8")
        return texts

    def bare(self, name: str) -> list[Definition]:
        """Our classes and functions of this bare name, in snake or in Camel case."""
        wanted = [found for found in self.index if found == name] or [f for f in self.index if plain(f) == plain(name)]
        places = [(self.module(module), found) for found in wanted for module in self.index[found]]
        found = [self.lookup(module, name) for module, name in places if module is not None]
        return [definition for definition in found if isinstance(definition, Definition)]


def _our_folders() -> dict[str, Path]:
    ours = {"fulgurite": Path(__file__).parent}
    spec = importlib.util.find_spec("fulgurite.callbacks")  # finds the folder, imports nothing
    if spec is not None and spec.origin is not None:
        ours["fulgurite.callbacks"] = Path(spec.origin).parent
    return ours


def _file(folder: Path, dotted: str) -> Path | None:
    """The source file of a module inside a folder."""
    base = folder.joinpath(*dotted.split(".")) if dotted else folder
    for path in (base / "__init__.py", base.with_name(base.name + ".py")):
        if path.is_file() and (dotted or path.name == "__init__.py"):
            return path
    return None


def _installed(top: str) -> Iterator[Path]:
    """Where an installed top-level module or package lies; finding a top-level name imports nothing."""
    if not top.isidentifier() or top == "__main__":
        return
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):  # a module that is half made, or made by hand
        return
    if spec is None:
        return
    yield from map(Path, spec.submodule_search_locations or ())
    frozen = getattr(spec.loader_state, "filename", None)  # `os` and its like, which the interpreter holds itself
    yield from (Path(file) for file in (spec.origin, frozen) if file and file.endswith(".py"))
