"""Runs that differ in nothing but the seed: found by their recipes, watched and logged however they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .difference import Change, changes, flat
from .run import Run

ASIDE = ("seed", "callbacks", "logger", "threads")  # what does not change what is learned
MOST_CHANGES, MOST_LETTERS = 3, 40  # in a name; of each


@dataclass(frozen=True)
class Group:
    """Seeds of one recipe.

    Attributes:
        name: the recipe's, and what tells it from the other groups.
        runs: by seed.
        changed: what the first run changed of the shipped recipe, see `changes`.
    """

    name: str
    runs: list[Run]
    changed: list[Change] | None

    @property
    def references(self) -> dict[str, float]:
        return self.runs[0].references


def groups(runs: Sequence[Run]) -> list[Group]:
    """In the order in which their first run was given."""
    found: dict[str, list[Run]] = {}
    for run in runs:
        found.setdefault(signature(run), []).append(run)
    firsts = [members[0] for members in found.values()]
    changed = [changes(first) for first in firsts]
    names = distinct([named(first, what, firsts) for first, what in zip(firsts, changed, strict=True)])
    ordered = [sorted(members, key=lambda run: (len(run.seed), run.seed)) for members in found.values()]
    return [Group(*one) for one in zip(names, ordered, changed, strict=True)]


def signature(run: Run) -> str:
    """The same for runs of one recipe that differ in the seed alone."""
    return json.dumps(
        [run.source, {k: v for k, v in run.recipe.items() if k not in ASIDE}], sort_keys=True, default=str
    )


def named(run: Run, changed: list[Change] | None, firsts: Sequence[Run]) -> str:
    """The recipe's name, with what it changed where another group has the same recipe."""
    rivals = [other for other in firsts if other.source == run.source and other is not run]
    if not rivals:
        return run.source
    own = dict(flat(run.recipe))
    theirs = [dict(flat(other.recipe)) for other in rivals]
    counted = [change for change in changed or () if change.key.partition(".")[0] not in ASIDE]
    telling = [
        change
        for change in counted
        if change.key in own
        and any(other.get(change.key) != own[change.key] for other in theirs)
        and not any(other_class(change.key, own, other) for other in theirs)
    ]
    telling.sort(key=lambda change: "_target_" not in change.key)
    words = [_cut(f"{_last(change.key)}={change.run}") for change in telling[:MOST_CHANGES]]
    return " ".join([run.source, *words, *(["..."] if len(telling) > MOST_CHANGES else [])])


def other_class(key: str, own: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether a key belongs to a class that the other recipe does not have there: then the class says it all."""
    parent = key.rpartition(".")[0]
    return not key.endswith("_target_") and own.get(f"{parent}._target_") != other.get(f"{parent}._target_")


def distinct(names: list[str]) -> list[str]:
    """Names that no two groups share."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def task(run: Run) -> dict[str, Any]:
    """What must be the same for returns to be comparable: the environment and the starts of the evaluation."""
    evaluation = run.recipe.get("evaluation")
    starts = {k: v for k, v in evaluation.items() if k != "environment"} if isinstance(evaluation, dict) else {}
    environment = run.recipe.get("environment")
    aside = ("num_envs", "isolated", "max_faults", "step_timeout")
    played = {k: v for k, v in environment.items() if k not in aside} if isinstance(environment, dict) else {}
    return {"environment": played, "evaluation": starts}


def _cut(word: str) -> str:
    """A word that leaves room for others."""
    return word if len(word) <= MOST_LETTERS else f"{word[: MOST_LETTERS - 3]}..."


def _last(key: str) -> str:
    """`agent.planner._target_` -> `planner`, `agent.planner.horizon` -> `horizon`."""
    parts = [part for part in key.split(".") if part != "_target_"]
    return parts[-1] if parts else key
