"""A recipe as plain containers: layers merged over each other, `${path}` followed, and where each key came from.

A later layer wins, key by key. A node whose `_target_` a later layer changes starts afresh, since the earlier keys
belonged to another class; a name where a mapping was is a swap (see `recipe_check`), which keeps the keys that fit.
"""

from __future__ import annotations

import copy
import re
from typing import Any

from .recipe_error import nearest, plain, shown
from .recipe_variables import Variables

MAX_CHAIN, MAX_TEXT = 30, 10_000
TARGET, PARTIAL = "_target_", "_partial_"
NAME = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")
_WHOLE = re.compile(r"\$\{([\w-]+(?:\.[\w-]+)*)\}")
_ANY = re.compile(r"\$\{([^{}]*)\}?")
_ALONE = re.compile(r"\$\{([^{}]*)\}")


class Unresolved(Exception):
    """A `${...}` that names nothing (then `path` is what it names), itself, or something else than a path."""

    def __init__(self, text: str, path: str | None = None):
        super().__init__(text)
        self.path = path


class Swap(str):
    """A name that a layer put in the place of the mapping `old`."""

    old: dict[str, Any]

    def __new__(cls, name: str, old: dict[str, Any]) -> Swap:
        swap = super().__new__(cls, name)
        swap.old = old
        return swap


def referred(value: object) -> str | None:
    """The path of a value that is `${path}` and nothing else."""
    found = _WHOLE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


class Tree:
    """The merged layers. `origins` says for a key which layer set it, `texts` how an override's value was written."""

    def __init__(self, variables: Variables | None = None) -> None:
        self.variables = variables or Variables()
        self.root: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self._inserted: dict[str, str] = {}

    def origin(self, key: str) -> str:
        """The layer that set `key`, or the nearest node above it that is known."""
        while key and key not in self.origins:
            key = key.rpartition(".")[0]
        return self.origins.get(key, "recipe")

    def merge(self, layer: dict[str, Any], origin: str) -> None:
        """Merges a layer over what is there."""
        self.origins[""] = origin
        self._inserted.clear()
        self._merge(self.root, layer, "", origin)

    def put(self, key: str, value: Any, text: str, origin: str) -> None:
        """Sets one key, as an override does."""
        *groups, last = key.split(".")
        layer: dict[str, Any] = {last: value}
        for group in reversed(groups):
            layer = {group: layer}
        file = self.origins.get("", origin)
        self.merge(layer, origin)
        self.origins[""] = file
        self.texts[key] = text

    def _merge(self, into: dict[str, Any], layer: dict[str, Any], prefix: str, origin: str) -> None:
        for name, value in layer.items():
            key = f"{prefix}{name}"
            old = into.get(name)
            if not isinstance(value, dict):
                if isinstance(old, dict) and isinstance(value, str) and NAME.fullmatch(value):
                    into[name] = Swap(value, old)
                else:
                    into[name] = copy.deepcopy(value)
                self.origins[key] = origin
                self.texts.pop(key, None)
                continue
            shared = self._shared(old, value)
            if shared is not None:  # a key of a node that is shared belongs to the node itself
                self._merge(shared[1], value, shared[0] + ".", origin)
                continue
            if not isinstance(old, dict) or _other_class(old, value):
                into[name] = old = {}
                self.origins[key] = origin
            if TARGET in value:
                self.origins[key] = origin
            self._merge(old, value, key + ".", origin)

    def _shared(self, old: object, value: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
        reference = referred(old)
        if reference is None or TARGET in value:
            return None
        try:
            key, found = self.find(reference)
        except Unresolved:
            return None
        return (key, found) if isinstance(found, dict) else None

    def find(self, path: str, seen: frozenset[str] = frozenset()) -> tuple[str, Any]:
        """The key where `path` ends once every `${...}` on the way is followed, and the value there."""
        if path in seen:
            raise Unresolved(f"${{{path}}} leads back to itself")
        if len(seen) == MAX_CHAIN:
            raise Unresolved(f"${{{path}}} is the end of {MAX_CHAIN} references in a row")
        seen = seen | {path}
        key, value = "", self.root
        for part in path.split("."):
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            else:
                raise Unresolved(f"${{{path}}} names nothing", path)
            key = f"{key}.{part}" if key else part
            reference = referred(value)
            if reference is not None:
                key, value = self.find(reference, seen)
        return key, self.interpolated(value, seen) if isinstance(value, str) else value

    def hint(self, path: str, but: str) -> str:
        """The nearest key to `path`: one with the same last name, else one that is spelt alike; not `but`."""
        keys = [key for key in _keys(self.root, "") if key != but]
        last = plain(path.rpartition(".")[2])
        same = [key for key in keys if plain(key.rpartition(".")[2]) == last]
        return nearest(path, same) or (f"; did you mean '{same[0]}'?" if same else nearest(path, keys))

    def interpolated(self, text: str, seen: frozenset[str] = frozenset()) -> Any:
        """A text with every `${...}` in it replaced; one that is a `${...}` alone becomes the value itself."""

        def inserted(found: re.Match[str]) -> Any:
            inner = referred(found[0])
            if inner is not None:
                return self.find(inner, seen)[1]
            try:
                return self.variables.value(found[1])
            except ValueError as error:
                raise Unresolved(str(error)) from error

        if alone := _ALONE.fullmatch(text):
            return inserted(alone)

        def replacement(found: re.Match[str]) -> str:
            value = inserted(found)
            if isinstance(value, dict | list):
                raise Unresolved(f"{found[0]} is {shown(value)}, which cannot stand inside a text")
            return "" if value is None else shown(value) if isinstance(value, bool) else str(value)

        if text not in self._inserted:  # each text once: texts that insert each other twice would take for ever
            longer = _ANY.sub(replacement, text) if "${" in text else text
            if len(longer) > MAX_TEXT:
                raise Unresolved(f"{shown(text)} becomes longer than {MAX_TEXT} characters")
            self._inserted[text] = longer
        return self._inserted[text]


def _other_class(old: dict[str, Any], new: dict[str, Any]) -> bool:
    if TARGET not in new or TARGET not in old:
        return False
    before, after = str(old[TARGET]), str(new[TARGET])
    return before != after and ("." in before or "." in after or plain(before) != plain(after))


def _keys(node: dict[str, Any], prefix: str) -> list[str]:
    keys = []
    for name, value in node.items():
        if name not in (TARGET, PARTIAL):
            keys.append(f"{prefix}{name}")
            if isinstance(value, dict):
                keys += _keys(value, f"{prefix}{name}.")
    return keys
