"""What a run changed of the shipped recipe that it was composed from, and the command that would train it again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..recipe import RecipeError, compose
from ..recipe_files import Library
from ..redact import HIDDEN, redact
from .run import Run

ABSENT = "-"


@dataclass(frozen=True)
class Change:
    """One key: what the shipped recipe says and what the run does, as texts."""

    key: str
    shipped: str
    run: str


def changes(run: Run) -> list[Change] | None:
    """The keys in which a run differs from its shipped recipe; None where it was composed from none that is here."""
    before = shipped(run)
    if before is None:
        return None
    old, new = dict(flat(redact(before))), dict(flat(run.recipe))
    keys = [*old, *(key for key in new if key not in old)]
    return [Change(key, _said(old, key), _said(new, key)) for key in keys if _said(old, key) != _said(new, key)]


def train_command(run: Run, changed: list[Change] | None) -> str:
    """What trains the same once more: the shipped recipe with overrides where these give the same recipe, else the
    run's own.
    """
    for words in (_overrides(changed),) if run.shipped and changed is not None else ():
        if HIDDEN not in " ".join(words) and len(words) <= 20 and _composes(run, words):
            return shlex.join(["fulgurite", "train", run.source, *words])
    return shlex.join(["fulgurite", "train", str(run.folder)])


def resume_command(run: Run) -> str:
    """What goes on with the run."""
    return shlex.join(["fulgurite", "resume", str(run.folder)])


def shipped(run: Run, overrides: tuple[str, ...] = ()) -> dict[str, Any] | None:
    """The shipped recipe of a run, composed."""
    if not run.shipped or Library().named(run.source) is None:
        return None
    try:
        return compose(run.source, overrides).tree.root
    except RecipeError:
        return None


def flat(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its path; lists and empty mappings are leaves."""
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from flat(inner, f"{key}.{name}" if key else str(name))
    else:
        yield key, value


def text(value: Any) -> str:
    """A value as an override writes it."""
    if isinstance(value, str):
        return value
    return json.dumps(value)


def _said(leaves: dict[str, Any], key: str) -> str:
    return text(leaves[key]) if key in leaves else ABSENT


def _overrides(changed: list[Change] | None) -> list[str]:
    """Classes first, by the name of their node, as a person would swap them: what fits of the old keys is kept."""
    said = [change for change in changed or () if change.run != ABSENT]
    said.sort(key=lambda change: not change.key.endswith("._target_"))
    return [f"{change.key.removesuffix('._target_')}={change.run}" for change in said]


def _composes(run: Run, words: list[str]) -> bool:
    found = shipped(run, tuple(words))
    return found is not None and dict(flat(redact(found))) == dict(flat(run.recipe))
