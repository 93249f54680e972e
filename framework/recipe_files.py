"""Where recipes lie: the shipped ones by name, the user's by path, a run's by its folder."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from .recipe_error import RecipeError, nearest

SUFFIXES = (".yaml", ".yml")
RUN_RECIPE = "recipe.yaml"


@dataclass(frozen=True)
class RecipeFile:
    """A recipe's file. `name` is what runs are filed under, `label` what errors call it."""

    path: Path
    name: str
    label: str
    shipped: bool

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def summary(self) -> str:
        """The first comment line: what the recipe is."""
        for line in self.path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            if line.strip("# "):
                return line.strip("# ")
        return ""


class Library:
    """The shipped recipes in `shipped`, and everybody else's files."""

    def __init__(self, shipped: Path | None = None):
        self.shipped = shipped or _shipped()

    def all(self) -> list[RecipeFile]:
        """The shipped recipes that can be run: those in an algorithm's folder."""
        return [self._file(path) for path in sorted(self.shipped.glob("*/**/*.yaml"))]

    def find(self, name: str, beside: Path | None = None) -> RecipeFile:
        """The recipe of a shipped name, of a file or of a run folder.

        Args:
            name: `pets/pendulum`, `mine.yaml`, `runs/pets/pendulum/<start>-seed0`.
            beside: the folder of the recipe that includes it, from which its path counts.

        Raises:
            RecipeError: naming the nearest shipped recipe.
        """
        if "://" in name or "\0" in name or len(name) > 1000:
            raise RecipeError(f"{name[:60]}: expected a shipped recipe, a file or a run folder")
        if beside is not None and (found := self._local(beside / name)):
            return found
        shipped = self.shipped / (name + SUFFIXES[0])
        if name and not Path(name).is_absolute() and ".." not in Path(name).parts and shipped.is_file():
            return self._file(shipped)
        if beside is None and name and (found := self._local(Path(name).expanduser())):
            return found
        names = [recipe.name for recipe in self.all()]
        last = [known for known in names if known.rpartition("/")[2] == name]
        hint = f"; did you mean '{last[0]}'?" if last else nearest(name, names)
        raise RecipeError(f"{name}: no shipped recipe, file or run folder of this name{hint}")

    def written_for(self, file: RecipeFile, text: str) -> RecipeFile:
        """The recipe that a run's `recipe.yaml` was composed from, which its first comment names; for others itself."""
        found = re.match(r"# recipe: (\S.*)\n", text)
        try:
            return self.find(found[1].strip()) if found else file
        except RecipeError:  # moved since
            return file

    def _local(self, path: Path) -> RecipeFile | None:
        if path.is_dir():
            path = path / RUN_RECIPE
        elif path.suffix not in SUFFIXES:
            path = path.with_name(path.name + SUFFIXES[0])
        return self._file(path) if path.is_file() else None

    def _file(self, path: Path) -> RecipeFile:
        if path.resolve().is_relative_to(self.shipped.resolve()):
            label = path.resolve().relative_to(self.shipped.resolve())
            return RecipeFile(path, label.with_suffix("").as_posix(), label.as_posix(), shipped=True)
        label = path.resolve()
        label = label.relative_to(Path.cwd()) if label.is_relative_to(Path.cwd()) else label
        name = label.with_suffix("").as_posix() if not label.is_absolute() else label.stem
        return RecipeFile(path, name, label.as_posix(), shipped=False)


def _shipped() -> Path:
    spec = importlib.util.find_spec("fulgurite.recipes")
    if spec is None or spec.origin is None:
        raise RecipeError("fulgurite.recipes: the shipped recipes are not installed")
    return Path(spec.origin).parent
