"""What is said where a run goes on otherwise than it began: by another recipe, with other libraries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..reports.difference import ABSENT, flat
from ..runs import about
from .resume import GROUPS, KEYS

NAMED = 8  # keys, at most


def differing(checkpoint: Path, recipe: dict[str, Any]) -> Iterator[str]:
    """A line on the recipe's keys that differ from the checkpoint's, but for those that `resume` may change, and one on
    the versions of libraries; none where the checkpoint does not note them.

    Args:
        checkpoint: a verified one.
        recipe: as composed, without secrets.
    """
    noted = about.read(checkpoint)
    before, now = noted.get("recipe"), json.loads(about.as_text(recipe))
    if isinstance(before, dict):
        old, new = dict(_kept(before)), dict(_kept(now))
        keys = [key for key in {**old, **new} if _said(old, key) != _said(new, key)]
        if keys:
            named = ", ".join(f"{_short(key)}: {_said(old, key)} -> {_said(new, key)}" for key in keys[:NAMED])
            more = f", and {len(keys) - NAMED} more" if len(keys) > NAMED else ""
            yield f"{checkpoint.name} is of another recipe; the run goes on by the one in its folder: {named}{more}"
    wrote, here = noted.get("versions"), about.versions()
    if isinstance(wrote, dict):
        others = [(name, wrote[name]) for name in here if wrote.get(name) not in (None, here[name])]
        others = [(name, found) for name, found in others if isinstance(found, str)]
        if others:
            named = "; ".join(f"{name} {_short(found)}, here is {here[name]}" for name, found in others)
            yield f"{checkpoint.name} was written with {named}: bits may differ"


def _kept(recipe: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Of the leaves those that belong to the run."""
    return ((key, v) for key, v in flat(recipe) if key not in KEYS and key.partition(".")[0] not in GROUPS)


def _said(leaves: dict[str, Any], key: str) -> str:
    return json.dumps(leaves[key])[:80] if key in leaves else ABSENT


def _short(text: str) -> str:
    """As much of what a file says as may go to a terminal."""
    return json.dumps(text)[1:-1][:80]
