"""What a class derives from, whether it is abstract, and what its constructor takes, read from source."""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator, Sequence
from functools import cache

from .recipe_module import Definition
from .recipe_signature import (
    Signature,
    bound_by,
    constructor_of,
    fields_of,
    given_to_base,
    is_decorated,
    is_record,
    last_name,
    of_function,
    set_by,
)
from .recipe_source import Sources

# Bases that add no argument and no abstract method.
EMPTY_BASES = {"object", "ABC", "Generic", "Protocol", "Hashable"}
NOTHING: tuple[Definition | None, ...] = (None,)


class Classes:
    """Questions about classes and functions, answered from `sources`."""

    def __init__(self, sources: Sources):
        self.sources = sources
        self.signature = cache(self._signature)

    def bases(self, cls: Definition) -> list[Definition | None]:
        """The bases of a class as they are written; None stands for one without readable source."""
        return [self.sources.base(cls, expression) for expression in _written_bases(cls)]

    def ancestors(self, cls: Definition, inside: bool = False) -> Iterator[Definition]:
        """The class and all that it derives from, nearest first; a file is read only when its turn comes.

        `inside` leaves out what is neither ours nor the user's.
        """
        seen: list[Definition] = []
        waiting = deque([(cls, expression) for expression in _written_bases(cls)])
        yield cls
        while waiting:
            base = self.sources.base(*waiting.popleft())
            if base is None or (inside and not base.module.users and not self.sources.is_ours(base.module)):
                continue
            if not _holds(seen, base):
                seen.append(base)
                waiting += [(base, expression) for expression in _written_bases(base)]
                yield base

    def is_subclass(self, cls: Definition, base: Definition) -> bool:
        """Whether `cls` is `base` or derives from it."""
        return any(one.same(base) for one in self.ancestors(cls))

    def resolution_order(self, cls: Definition, below: tuple[Definition, ...] = ()) -> Iterator[Definition | None]:
        """The class, then its bases as Python orders them; None where a base cannot be read, or is its own heir."""
        if _holds(below, cls):
            yield None
            return
        yield cls
        bases, below = self.bases(cls), (*below, cls)
        if len(bases) == 1:  # the common case, in which a file is read only when its turn comes
            yield from self.resolution_order(bases[0], below) if bases[0] else [None]
        elif bases:
            orders = [[*self.resolution_order(base, below)] if base else list(NOTHING) for base in bases]
            yield from _merged([*orders, bases])

    def abstract_methods(self, cls: Definition) -> set[str]:
        """The abstract methods that `cls` leaves open.

        Installed packages' own bases are not asked: they are large, and a slot of theirs is filled by a named class.
        """
        open_methods: set[str] = set()
        for one in reversed(list(self.ancestors(cls, inside=True))):
            assert isinstance(one.node, ast.ClassDef)
            for statement in one.node.body:
                open_methods -= set(bound_by(statement))
                if isinstance(statement, ast.FunctionDef) and is_decorated(statement, "abstractmethod"):
                    open_methods.add(statement.name)
        return open_methods

    def protocol_members(self, cls: Definition) -> list[str]:
        """What a Protocol asks for by name; nothing for other classes."""
        assert isinstance(cls.node, ast.ClassDef)
        if not any(last_name(base) == "Protocol" for base in cls.node.bases):
            return []
        return [name for statement in cls.node.body for name in bound_by(statement, annotated=True)]

    def lacking(self, cls: Definition, wanted: list[str]) -> list[str]:
        """Which of the wanted members neither the class nor a base has.

        Attributes that a constructor sets count, and so does `forward` for `__call__`, which torch makes of it.
        """
        left = set(wanted)
        for one in self.ancestors(cls):
            assert isinstance(one.node, ast.ClassDef)
            bound = {name for statement in one.node.body for name in bound_by(statement, annotated=True)}
            left -= bound | set_by(constructor_of(one.node)) | ({"__call__"} if "forward" in bound else set())
            if not left:
                break
        return sorted(left)

    def _signature(self, definition: Definition) -> Signature:
        if isinstance(definition.node, ast.FunctionDef):
            return of_function(definition.node, definition.module, skip=0)
        result = Signature()
        for cls in self.resolution_order(definition):
            if cls is None:  # a base without source: it may take anything
                result.open = True
                break
            assert isinstance(cls.node, ast.ClassDef)
            constructor = constructor_of(cls.node)
            if constructor is not None:
                own = of_function(constructor, cls.module, skip=1)
                result.add(own.parameters)
                result.positional = result.positional or own.positional
                if not own.open:
                    break
                given = given_to_base(constructor)
                if given is None:  # **kwargs goes elsewhere
                    result.open = True
                    break
                result.fixed |= given
            elif is_record(cls.node):
                records = [one for one in self.resolution_order(definition) if one is not None and is_record(one.node)]
                for one in records:
                    result.add(fields_of(one))
                break
        return result


def _written_bases(cls: Definition) -> list[ast.expr]:
    assert isinstance(cls.node, ast.ClassDef)
    return [expression for expression in cls.node.bases if last_name(expression) not in EMPTY_BASES]


def _merged(orders: list[list[Definition | None]]) -> Iterator[Definition | None]:
    """Python's own merge (C3) of the bases' orders; it ends at a base that cannot be read."""
    orders = [list(order) for order in orders if order]
    while orders:
        for head in (order[0] for order in orders):
            if head is None or not any(_holds(order[1:], head) for order in orders):
                break
        else:
            return  # an order that Python itself refuses; building will say so
        yield head
        if head is None:
            return
        orders = [[one for one in order if one is None or not one.same(head)] for order in orders]
        orders = [order for order in orders if order]


def _holds(order: Sequence[Definition | None], wanted: Definition) -> bool:
    return any(one is not None and one.same(wanted) for one in order)
