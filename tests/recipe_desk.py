"""Writes recipes for the double package and composes them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fulgurite.recipe import Composed, RecipeError, build, check, compose
from fulgurite.recipe_files import Library

OURS = {"recipe_double": Path(__file__).parent / "recipe_double"}
ROOT = "recipe_double.experiment.Experiment"
RECIPE = """# A small recipe
environment: {id: World-v0}
agent:
  planner: {_target_: CEM, candidates: 50, elites: 5}
  model:
    reward: {_target_: no_reward}
experience: {agent: "${agent}", environment: "${environment}", seed: "${seed}"}
callbacks:
  video: {_target_: Video, every: 2}
seed: 0
"""


def forget_modules(folder: Path) -> None:
    """Another test's module may have the same name: what was imported from this folder is not kept."""
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None)).startswith(str(folder)):
            del sys.modules[name]


class Desk:
    """A folder of shipped recipes, `a/small` among them, and a folder of the user's, in which commands are run."""

    def __init__(self, folder: Path) -> None:
        self.shipped, self.home = folder / "shipped", folder / "home"
        self.home.mkdir(parents=True)
        self.ship("a/small", RECIPE)

    def ship(self, name: str, text: str) -> None:
        path = self.shipped / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def compose(self, recipe: str | Path = "a/small", *overrides: str) -> Composed:
        return compose(recipe, overrides, library=Library(self.shipped), ours=OURS, root=ROOT)

    def tree(self, recipe: str | Path = "a/small", *overrides: str) -> dict[str, Any]:
        return self.compose(recipe, *overrides).tree.root

    def build(self, recipe: str | Path = "a/small", *overrides: str) -> Any:
        return build(self.compose(recipe, *overrides))

    def problems(
        self, recipe: str | Path = "a/small", *overrides: str, by: Callable[[Composed], Any] = check
    ) -> list[str]:
        """What is wrong, line by line; nothing where nothing is."""
        try:
            by(self.compose(recipe, *overrides))
        except RecipeError as error:
            return error.problems
        return []


def cases(text: str) -> list[tuple[str, str]]:
    """A table of cases: a line each, and what is said of it in the indented lines below it."""
    found: list[tuple[str, str]] = []
    for line in text.strip("\n").split("\n"):
        if line.startswith("    "):
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}".strip())
        else:
            found.append((line, ""))
    return found
