"""Which classes and functions a slot takes, and what a name in it means.

A slot takes a subclass of its class; a Protocol's slot takes a class that has the protocol's members. Only the reward
and termination slots take functions, and of these only such that start with the slot's arguments.
"""

from __future__ import annotations

import ast

from .recipe_classes import Classes
from .recipe_error import nearest, shown
from .recipe_kinds import Function, Object
from .recipe_module import Definition, Imported, Module
from .recipe_tree import NAME

Slot = Object | Function


class Slots:
    """Matches names and slots; a node's `slots` are the alternatives of its argument's annotation."""

    def __init__(self, classes: Classes):
        self.sources, self.classes = classes.sources, classes

    def fits(self, found: Definition, slot: Slot) -> bool:
        """Whether the slot takes this class or function."""
        if isinstance(slot, Function):
            return found.is_function and self._starts_with(found, slot.arguments)
        if not found.is_class:
            return False
        wanted = self.classes.protocol_members(slot.base)
        return not self.classes.lacking(found, wanted) if wanted else self.classes.is_subclass(found, slot.base)

    def implied(self, slots: list[Slot]) -> Definition | None:
        """The class that is meant where a node names none: the slot's own, when it can be built.

        Of an installed package's base that others derive from, one is never meant.
        """
        if len(slots) != 1 or isinstance(slots[0], Function):
            return None
        base = slots[0].base
        is_base = self.classes.protocol_members(base) or self.classes.abstract_methods(base)
        ours = base.module.name.partition(".")[0] == self.sources.root.partition(".")[0]
        return None if is_base or (not ours and self.sources.heirs(base.name)) else base

    def named(self, target: object, slots: list[Slot]) -> tuple[Definition, Slot] | str:
        """The class or function of a `_target_` and the slot that takes it, else what is wrong."""
        if not isinstance(target, str) or len(target) > 200 or not NAME.fullmatch(target):
            return f"expected the name of {self.wanted(slots)}, got {shown(target)}"
        found = self._found(target, slots)
        if isinstance(found, str):
            return found
        for definition in found:
            for slot in slots:
                if self.fits(definition, slot):
                    unfinished = self._unfinished(definition)
                    return unfinished + self.hint("", slots) if unfinished else (definition, slot)
        return self._wrong_kind(target, found[0], slots)

    def _found(self, target: str, slots: list[Slot]) -> list[Definition] | str:
        if "." not in target:
            found = self.sources.bare(target)
            for slot in slots if not found else ():  # planner `random` of the slot Agent: RandomAgent
                if isinstance(slot, Object):
                    found = found or self.sources.bare(target + slot.base.name)
            nouns = [slot.base.name if isinstance(slot, Object) else "function" for slot in slots]
            return found or f"no {' or '.join(nouns)} '{target}'" + self.hint(target, slots)
        one = self.sources.dotted(target)
        if isinstance(one, Module):
            known = nearest(target, _classes(one), "it has")
            return f"expected {self.wanted(slots)}, got the module '{target}'{known}"
        if isinstance(one, str):
            owner, _, last = target.rpartition(".")
            module = self.sources.module(owner, users=True)
            if module is None:
                return one
            return one + (nearest(last, _classes(module), "it has") or nearest(last, _exported(module)))
        return [one]

    def _unfinished(self, found: Definition) -> str:
        """Why a class cannot be built; nothing where it can."""
        if found.is_class and self.classes.protocol_members(found):
            return f"{found.name} is a protocol"
        methods = self.classes.abstract_methods(found) if found.is_class else set()
        return f"{found.name} is abstract (without {', '.join(sorted(methods))})" if methods else ""

    def _wrong_kind(self, target: str, found: Definition, slots: list[Slot]) -> str:
        wanted = self.wanted(slots)
        if found.is_class:
            name = target if "." in target else found.name
            return f"expected {wanted}, got the class {name}, which is not one" + self.hint("", slots)
        if not found.is_function:
            return f"expected {wanted}, got {target}, which is neither a class nor a function"
        for slot in slots:
            if isinstance(slot, Function):
                takes = ", ".join(self.classes.signature(found).positional)
                return f"expected {wanted}, got {target}, a function of ({takes})"
        return f"expected {wanted}, got the function {target}" + self.hint("", slots)

    def _starts_with(self, found: Definition, arguments: tuple[str, ...]) -> bool:
        positional = self.classes.signature(found).positional
        return tuple(positional[: len(arguments)]) == arguments

    def options(self, slots: list[Slot]) -> list[str]:
        """Our classes and functions that one of the slots takes and that can be built."""
        found: set[str] = set()
        for slot in slots:
            names = self.sources.heirs(slot.base.name) if isinstance(slot, Object) else self.sources.functions
            for definition in (definition for name in names for definition in self.sources.bare(name)):
                if self.fits(definition, slot) and not self._unfinished(definition):
                    found.add(definition.name)
        return sorted(found)

    def wanted(self, slots: list[Slot]) -> str:
        """What the slots take, in words."""
        return " or ".join(map(str, slots))

    def hint(self, word: str, slots: list[Slot]) -> str:
        """The nearest name that fits, else all that fit."""
        return nearest(word, self.options(slots), "there are")


def _exported(module: Module) -> list[str]:
    return [name for name, entry in module.names.items() if isinstance(entry, Imported) and entry.name]


def _classes(module: Module) -> list[str]:
    return [name for name, entry in module.names.items() if isinstance(entry, ast.ClassDef | ast.FunctionDef)]
