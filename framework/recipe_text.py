"""Reads a recipe's text, refusing what does not belong into one before it is expanded.

YAML can do much more than a recipe needs: tags that make objects, aliases that multiply, nesting that ends the stack,
`1:30` for 90. A pass over the parser's events, which neither recurses nor expands, finds these first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from .recipe_error import RecipeError

MAX_BYTES, MAX_DEPTH, MAX_EVENTS = 262_144, 32, 20_000
_SEXAGESIMAL = re.compile(r"[-+]?\d+(:[0-5]?\d)+(\.\d*)?")
_OCTAL = re.compile(r"[-+]?0\d+")


def examine(text: str, label: str) -> None:
    """Looks through a text.

    Raises:
        RecipeError: for tags, anchors, aliases, several documents, deep nesting, giant texts, wrong YAML, and numbers
            that YAML reads otherwise than they look.
    """
    if len(text) > MAX_BYTES:
        raise RecipeError(f"{label}: expected at most {MAX_BYTES // 1024} KiB, got {len(text) // 1024}")
    depth, documents = 0, 0
    for number, event in enumerate(events(text, label)):
        where = f"{label}: line {event.start_mark.line + 1}"
        if number > MAX_EVENTS:
            raise RecipeError(f"{where}: more than {MAX_EVENTS // 2} keys and values")
        if getattr(event, "tag", None) is not None:
            raise RecipeError(f"{where}: refused the tag {event.tag}: a recipe is plain values")
        if getattr(event, "anchor", None) is not None:
            raise RecipeError(f"{where}: anchors and aliases (&{event.anchor}) are refused: share with ${{key}}")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                raise RecipeError(f"{where}: nested deeper than {MAX_DEPTH}")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise RecipeError(f"{where}: a second document begins; a recipe is one")
        elif isinstance(event, yaml.ScalarEvent) and not event.style and misleading(event.value):
            raise RecipeError(f"{where}: YAML reads {event.value} as another number; quote it or write the number")


def misleading(scalar: str) -> bool:
    """Whether YAML 1.1 takes a plain scalar for another number than it looks: `1:30` is 90, `010` is 8."""
    return bool(_SEXAGESIMAL.fullmatch(scalar) or _OCTAL.fullmatch(scalar))


def events(text: str, label: str) -> Iterator[yaml.Event]:
    """The parser's events, one by one: whoever has seen enough stops it. It is the C parser where PyYAML has it."""
    try:
        yield from yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise RecipeError(wrong(error, label)) from error


def wrong(error: yaml.YAMLError, label: str) -> str:
    """A YAML error in one line."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = f"line {mark.line + 1}: " if mark is not None else ""
    said = getattr(error, "problem", None) or getattr(error, "reason", None) or error
    return f"{label}: {line}{said}"
