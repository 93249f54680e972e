"""A run as it lies on the disk: what it was, how it ended or stands, and its numbers. Its folder is not believed.

A run that crashed has no `result.json`, or an older one than its rows; one that goes on is locked. Secrets of the
recipe are blanked out as it is read, also where an error's words repeat them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..recipe import RecipeError
from ..recipe import read as keys_of
from ..recipe_files import RUN_RECIPE
from ..redact import redact, without_secrets
from ..runs import rows
from ..runs.live_folder import files_below
from ..runs.owner import in_use

RESULT = "result.json"
MOST_BYTES = 1 << 20  # of a recipe or a result; ours have a few thousand
_SOURCE = re.compile(r"# recipe: (\S.*)\n")
_SEED = re.compile(r"-seed\d+$")
Series = tuple[list[float], list[float]]


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: as it was named on the command line.
        recipe: as composed, `${...}` kept, secrets blanked out.
        source: what it was composed from: a shipped recipe's name, or a file's or an address's last part.
        shipped: whether that is a shipped recipe's name.
        rows: of the metrics, finite numbers only.
        broken: complete lines of the metrics file that could not be read.
        result: what `result.json` says, if it is of this state of the run.
        status: completed, interrupted, failed, running, or stopped where nobody wrote how it ended.
        reason: the error of a run that failed.
    """

    folder: Path
    recipe: dict[str, Any]
    source: str
    shipped: bool
    rows: list[dict[str, float]]
    broken: int
    result: dict[str, Any]
    status: str
    reason: str

    @property
    def seed(self) -> str:
        return str(self.recipe.get("seed", 0))

    @property
    def environment(self) -> str:
        """Which environment, for people."""
        node = self.recipe.get("environment")
        return str(node.get("id", "")) if isinstance(node, dict) else ""

    @property
    def started(self) -> str:
        """When, as the folder's name says it: runs that were started by one command share it."""
        return _SEED.sub("", self.folder.absolute().name)

    @cached_property
    def names(self) -> set[str]:
        """Of all metrics."""
        return {name for row in self.rows for name in row}

    @cached_property
    def evaluations(self) -> list[dict[str, float]]:
        return [row for row in self.rows if "eval/return_mean" in row]

    @property
    def final(self) -> dict[str, float]:
        """The row of the last evaluation; empty before the first."""
        return self.evaluations[-1] if self.evaluations else {}

    @property
    def best(self) -> dict[str, float]:
        """The row of the best evaluation; empty before the first."""
        return max(self.evaluations, key=lambda row: row["eval/return_mean"], default={})

    def last(self, name: str) -> float | None:
        """The newest number under a name."""
        return next((row[name] for row in reversed(self.rows) if name in row), None)

    def series(self, name: str, against: str = "env_steps") -> Series:
        """A metric against steps or seconds."""
        found = [(row[against], row[name]) for row in self.rows if name in row and against in row]
        return [x for x, _ in found], [y for _, y in found]

    @property
    def references(self) -> dict[str, float]:
        """The returns that the recipe's pictures are held against, by name."""
        callbacks = self.recipe.get("callbacks")
        nodes = callbacks.values() if isinstance(callbacks, dict) else ()
        found = [node["references"] for node in nodes if isinstance(node, dict) and "references" in node]
        return {
            str(name): float(level)
            for one in found
            if isinstance(one, dict)
            for name, level in one.items()
            if isinstance(level, int | float)
        }


def read(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        ValueError: where there is no recipe in it that can be read.
    """
    text = _text(folder / RUN_RECIPE)
    if text is None:
        raise ValueError(f"{folder}: expected the folder of a run, with a {RUN_RECIPE} in it")
    try:
        recipe = keys_of(text, str(folder / RUN_RECIPE))
    except RecipeError as error:
        raise ValueError(str(error)) from error
    found = _SOURCE.match(text)
    source = found[1].strip() if found else folder.absolute().parent.name
    shipped = not (source.startswith("/") or "://" in source)
    known, broken = rows.readable(folder)
    result = _result(folder, known)
    status = str(result.get("status", "running" if in_use(folder) else "stopped"))
    reason = without_secrets(str(result.get("reason") or ""), recipe)
    label = source if shipped else Path(source.partition("?")[0]).stem
    return Run(folder, redact(recipe), label, shipped, known, broken, result, status, reason)


def found_in(named: Path) -> list[Path]:
    """The run folders that a path names: itself, or all below it, in the order of their names.

    What lies within a run, as its exported agent, is none.

    Raises:
        ValueError: where there is none.
    """
    folder = named.parent if named.name == RUN_RECIPE else named
    if (folder / RUN_RECIPE).is_file():
        return [folder]
    found = [path.parent for path in files_below(folder, RUN_RECIPE) if path.is_file()]
    runs = set(found)
    below = [run for run in found if runs.isdisjoint(run.parents)]
    if not below:
        raise ValueError(f"{named}: expected the folder of a run, or one with runs in it, with a {RUN_RECIPE} each")
    return below


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return None


def _result(folder: Path, known: list[dict[str, float]]) -> dict[str, Any]:
    """What `result.json` says, unless rows were written after it: then it is of an earlier stop."""
    try:
        result = json.loads(_text(folder / RESULT) or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(result, dict):
        return {}
    seconds, last = result.get("wall_seconds"), max((row.get("wall_seconds", 0.0) for row in known), default=0.0)
    return result if not isinstance(seconds, int | float) or seconds >= last else {}
