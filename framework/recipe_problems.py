"""Collects what is wrong with a recipe, key by key, without repeating a mistake where another key only refers to it."""

from __future__ import annotations

from .recipe_tree import TARGET, Tree


class Problems:
    """What is wrong with a tree, in the order in which it was found."""

    def __init__(self, tree: Tree):
        self.tree = tree
        self._lines: dict[tuple[str, str], str] = {}  # by key and text
        self._references: dict[str, str] = {}

    def add(self, key: str, text: str) -> None:
        """Notes that `key` (empty for the whole recipe) is wrong."""
        place = f"{self.tree.origin(key)}: {key}" if key else self.tree.origin(key)
        self._lines[key, text] = f"{place}: {text}"

    def refers(self, key: str, path: str) -> None:
        """Notes that `key` takes what stands at `path`."""
        self._references[key] = path

    def lines(self) -> list[str]:
        """A line each: file, key, what was expected, what came, the nearest right name."""
        told = [line for (key, _), line in self._lines.items() if not self._is_echo(key)]
        return told or list(self._lines.values())  # keys that refer to each other in a circle are all echoes

    def _is_echo(self, key: str) -> bool:
        """Whether a key is only wrong because it refers to one that is, or to one below that."""
        path = f"{self._references.get(key)}."
        others = [wrong.removesuffix(f".{TARGET}") for wrong, _ in self._lines if wrong not in ("", key)]
        return any(path.startswith(f"{wrong}.") for wrong in others)
