"""Where recipes lie: the shipped ones by name, the user's by path, a run's by its folder, others by address."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass, replace
from pathlib import Path

from .recipe_error import RecipeError, nearest, shown
from .recipe_text import MAX_BYTES

SUFFIXES = (".yaml", ".yml")
RUN_RECIPE = "recipe.yaml"
RUN_METRICS = "metrics.jsonl"
RUN_REPORT = "report.html"
EXPORTED = "agent.json"  # beside the recipe of an exported agent, which somebody else may have written
_HEADER = re.compile(r"# recipe: (\S.*)\n")


@dataclass(frozen=True)
class RecipeFile:
    """A recipe's file. `name` is what runs are filed under, `label` what errors call it.

    `fetched` is the text of one that lies elsewhere; its `path` is only a name then, and its `label` the address.
    `origin` is what a run's recipe was composed from, where that is out of reach.
    """

    path: Path
    name: str
    label: str
    shipped: bool
    fetched: str | None = None
    origin: str | None = None

    @property
    def folder(self) -> Path:
        return self.path.parent

    @property
    def source(self) -> str:
        """What a run's recipe says that it was composed from."""
        if self.shipped or self.origin:
            return self.origin or self.name
        return str(self.path.resolve()) if self.fetched is None else self.label

    @property
    def is_of_run(self) -> bool:
        """Whether it lies in the folder of a run or of an exported agent, where no modules of the user's are."""
        return self.path.name == RUN_RECIPE and any(
            (self.folder / one).exists() for one in ("checkpoints", RUN_METRICS, EXPORTED)
        )

    @property
    def is_exported(self) -> bool:
        """Whether it is that of an exported agent."""
        return self.fetched is None and self.path.name == RUN_RECIPE and (self.folder / EXPORTED).exists()

    def text(self) -> str:
        """What it says.

        Raises:
            RecipeError: where it cannot be read, or is longer than any recipe.
        """
        if self.fetched is not None:
            return self.fetched
        try:
            with self.path.open("rb") as file:  # a file of the system's can be longer than it says
                content = file.read(MAX_BYTES + 1)
            if len(content) > MAX_BYTES:
                raise RecipeError(f"{self.label}: expected at most {MAX_BYTES // 1024} KiB")
            return content.decode("utf-8-sig").replace("\r\n", "\n")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{self.label}: cannot be read: {error}") from error

    @property
    def summary(self) -> str:
        """The first comment line: what the recipe is."""
        for line in self.text().splitlines():
            if not line.startswith("#"):
                break
            if line.strip("# "):
                return line.strip("# ")
        return ""


def runs_below(name: str) -> str:
    """Half a sentence naming the newest run in a folder of runs, or in `FOLDER/...` as a page says it; else nothing."""
    if not name:
        return ""
    place = Path(name).expanduser()
    place = place.parent if place.name == "..." else place
    recipes = [path for depth in range(1, 4) for path in place.glob("/".join(["*"] * depth + [RUN_RECIPE]))]
    runs = [path.parent for path in recipes if (path.parent / RUN_METRICS).exists()]
    return f"; the newest run there is {max(runs, key=lambda run: run.name)}" if runs else ""


class Library:
    """The shipped recipes in `shipped`, and everybody else's files."""

    def __init__(self, shipped: Path | None = None):
        self.shipped = shipped or _shipped()

    def all(self) -> list[RecipeFile]:
        """The shipped recipes that can be run: those in an algorithm's folder."""
        return [self._file(path) for path in sorted(self.shipped.glob("*/**/*.yaml"))]

    def find(self, name: str, beside: Path | None = None) -> RecipeFile:
        """The recipe of a shipped name, of a file or of a run folder, or, fetched, of an address.

        Args:
            name: `pets/pendulum`, `mine.yaml`, `runs/pets/pendulum/<start>-seed0`, `https://.../mine.yaml`.
            beside: the folder of the recipe that includes it, from which its path counts.

        Raises:
            RecipeError: naming the nearest shipped recipe.
        """
        if "\0" in name or len(name) > 1000:
            raise RecipeError(f"{name[:60]}: expected a shipped recipe, a file, a run folder or an address")
        if is_url(name) and beside is None:
            return _elsewhere(name)
        if beside is not None and (found := self._local(beside / name)):
            return found
        if shipped := self.named(name):
            return shipped
        if beside is None and name and (found := self._local(Path(name).expanduser())):
            return found
        if hint := runs_below(name):
            raise RecipeError(f"{name}: neither a run nor a recipe{hint}")
        names = [recipe.name for recipe in self.all()]
        last = [known for known in names if known.rpartition("/")[2] == name]
        hint = f"; did you mean '{last[0]}'?" if last else nearest(name, names)
        raise RecipeError(f"{name}: no shipped recipe, file or run folder of this name{hint}")

    def named(self, name: str) -> RecipeFile | None:
        """The shipped recipe of this name."""
        path = self.shipped / (name + SUFFIXES[0])
        inside = name and not Path(name).is_absolute() and ".." not in Path(name).parts
        return self._file(path) if inside and path.is_file() else None

    def included(self, file: RecipeFile, name: str) -> RecipeFile:
        """The recipe that another one includes; one from elsewhere includes shipped ones only.

        Raises:
            RecipeError: naming the nearest shipped recipe.
        """
        if file.fetched is None:
            return self.find(name, file.folder)
        if found := self.named(name):
            return found
        raise RecipeError(f"expected a shipped recipe's name, got {shown(name)}")

    def written_for(self, file: RecipeFile) -> RecipeFile:
        """The recipe that a run's `recipe.yaml` was composed from, which its first comment names; for others itself.

        A file is named by its path without links, as a run on this machine writes it: one from elsewhere, which does
        not know where it lies, cannot name a file beside it by `/proc/self/cwd`.
        """
        found = _HEADER.match(file.text()) if file.fetched is None else None
        source = found[1].strip() if found else ""
        if is_url(source):
            return replace(file, name=_elsewhere(source, "").name, origin=source)
        if Path(source).is_absolute():
            first = self._local(Path(source))
            return first if first and first.path.resolve() == first.path else replace(file, origin=source)  # moved
        return self.named(source) or file

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
        return RecipeFile(path, re.sub(r"[^\w./ -]", "_", name), label.as_posix(), shipped=False)


def _elsewhere(url: str, text: str | None = None) -> RecipeFile:
    from . import recipe_fetch  # the network's modules take time to import

    path, label = Path(recipe_fetch.file_name(url)), recipe_fetch.shown_url(url)
    if path.suffix not in SUFFIXES:
        raise RecipeError(f"{label}: expected an address that ends in .yaml")
    return RecipeFile(path, path.stem, label, False, recipe_fetch.fetched(url) if text is None else text)


def is_url(name: str) -> bool:
    """Whether a recipe's name says that it lies elsewhere."""
    return "://" in name


def _shipped() -> Path:
    spec = importlib.util.find_spec("fulgurite.recipes")
    if spec is None or spec.origin is None:
        raise RecipeError("fulgurite.recipes: the shipped recipes are not installed")
    return Path(spec.origin).parent
