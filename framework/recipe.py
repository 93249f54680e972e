"""Recipes: YAML -> composed -> checked -> objects.

    composed = compose("pets/pendulum", ["agent.planner=random_shooting", "seed=3"])
    check(composed)                    # by reading source; torch is not imported
    experiment = build(composed)

A recipe's keys are the arguments of `runs.experiment.Experiment`, and further down those of whatever class a node names
in `_target_`. The signatures are the schema: there is no second list of keys to keep. A recipe cannot call anything but
subclasses of its slots' classes (see `recipe_kinds`), and everything is refused before anything is imported.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from .recipe_build import Build
from .recipe_check import Check
from .recipe_classes import Classes
from .recipe_error import MissingExtra, RecipeError, shown
from .recipe_files import RUN_RECIPE, Library, RecipeFile
from .recipe_foreign import brought, refused
from .recipe_plan import Node
from .recipe_source import ROOT, Sources
from .recipe_text import MAX_DEPTH, examine, misleading, wrong
from .recipe_tree import Tree
from .recipe_variables import Variables, recorded
from .redact import VARIABLES

__all__ = ["Composed", "MissingExtra", "RecipeError", "build", "check", "compose", "planned", "seed_of", "to_yaml"]

DEFAULTS = "defaults"
LINE = "command line"  # where overrides come from
_KEY = re.compile(r"[A-Za-z_][\w-]*(\.[\w-]+)*")


@dataclass
class Composed:
    """A recipe with everything that it includes and all overrides, not yet checked.

    Attributes:
        file: the recipe; for a run's `recipe.yaml` the one that it was composed from.
        tree: the merged keys; `tree.root` are plain containers, `tree.origins` tells where each key came from.
        foreign: whether it came from elsewhere and is not trusted: then it names nothing of this machine.
    """

    file: RecipeFile
    tree: Tree
    classes: Classes
    foreign: bool = False


def compose(
    recipe: str | Path,
    overrides: Sequence[str] = (),
    *,
    library: Library | None = None,
    ours: Mapping[str, Path] | None = None,
    root: str = ROOT,
    trust: bool = False,
) -> Composed:
    """Reads a recipe, what its `defaults` name, and the overrides `key=value`, each over what came before.

    Args:
        recipe: a shipped name, a file, a run folder, or an address, which is fetched.
        overrides: from the command line.
        library: where shipped recipes lie.
        ours: where bare names are looked up: package name to folder.
        root: the class that the top-level keys are the arguments of.
        trust: take a recipe that is fetched for one of the user's own.

    Raises:
        RecipeError: for what cannot be found or read, or includes itself.
    """
    library = library or Library()
    file = library.find(str(recipe))
    first = library.written_for(file)
    foreign = (file.fetched is not None or file.is_exported) and not trust
    run = file.folder.resolve() if file.is_of_run else None
    folders = [] if foreign else _folders(first, run)
    classes = Classes(Sources(folders, ours, root, closed=run))
    composed = Composed(first, Tree(Variables(_recorded(file))), classes, foreign)
    for label, layer in _layers(library, file, ()):
        composed.tree.merge(layer, label)
        Check(composed.tree, classes).run()  # names become nodes, so that the next layer finds them
    for override in overrides:
        key, value, text = parse(override)
        composed.tree.put(key, value, text, LINE)
        Check(composed.tree, classes).run()
    return composed


def check(composed: Composed) -> None:
    """Checks every key against the signatures in source, importing nothing.

    Raises:
        RecipeError: with one line for each problem.
    """
    planned(composed)


def build(composed: Composed, part: str | None = None, sizes: Mapping[str, Any] | None = None) -> Any:
    """Checks, imports and builds the experiment.

    Args:
        composed: the recipe.
        part: the key of a part that is built alone, such as `agent`.
        sizes: what is known of the environment (see `recipe_check.SIZES`), which then need not be made.

    Raises:
        RecipeError: with file and key, also for what the classes themselves refuse.
        MissingExtra: where a package of an extra is not installed.
    """
    walk, root = planned(composed)
    return Build(walk.nodes, composed.classes.sources, sizes).run(root, None if part is None else walk.nodes[part])


def planned(composed: Composed) -> tuple[Check, Node]:
    """The checked plan of a recipe, see `check`."""
    walk = Check(composed.tree, composed.classes)
    root = walk.run()
    if problems := walk.problems.lines():
        raise RecipeError(*problems)
    nodes, sources, origin = [root, *walk.nodes.values()], composed.classes.sources, composed.tree.origin
    problems = brought(nodes, sources, origin)
    if composed.foreign:
        problems += refused(nodes, sources, origin, own=LINE)
    if problems:
        raise RecipeError(*problems)
    return walk, root


def _folders(first: RecipeFile, run: Path | None) -> list[Path]:
    """Where the user's modules lie: beside the recipe and where the command is run, never in the folder of a run."""
    beside = [] if first.shipped or first.fetched is not None else [first.folder.resolve()]
    return [one for one in [*beside, Path.cwd()] if run is None or not one.is_relative_to(run)]


def _recorded(file: RecipeFile) -> dict[str, str | None]:
    """The variables of the environment that a run's recipe was written under."""
    found = VARIABLES.match(file.text()) if file.path.name == RUN_RECIPE and file.fetched is None else None
    try:
        return recorded(json.loads(found[1])) if found else {}
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"{file.label}: # variables: {error}") from error


def seed_of(composed: Composed) -> int:
    """The seed of a checked recipe: a whole number, perhaps as a text."""
    said = composed.tree.find("seed")[1] if "seed" in composed.tree.root else 0
    return said if isinstance(said, int) else int(float(said))


def to_yaml(composed: Composed) -> str:
    """The composed recipe as a recipe of its own, `${...}` kept.

    Its first line says what it was composed from, its second which variables of the environment it took.
    """
    taken = composed.tree.variables.taken
    variables = f"# variables: {json.dumps(taken)}\n" if taken else ""
    return f"# recipe: {composed.file.source}\n{variables}" + OmegaConf.to_yaml(OmegaConf.create(composed.tree.root))


def parse(override: str) -> tuple[str, Any, str]:
    """Key, value and literal text of `key=value`; the value is YAML, but `007` and `1:30` stay texts."""
    key, equals, text = override.partition("=")
    if not equals or not _KEY.fullmatch(key):
        raise RecipeError(f"{LINE}: expected key=value, such as seed=1 or agent.planner=cem, got {shown(override)}")
    if key.count(".") >= MAX_DEPTH:
        raise RecipeError(f"{LINE}: {shown(key)}: nested deeper than {MAX_DEPTH}")
    if key == DEFAULTS:
        raise RecipeError(f"{LINE}: {DEFAULTS}: only a file can include others")
    if not text.strip():
        raise RecipeError(f"{LINE}: {key}: expected a value after '=', got nothing; write null for none")
    if misleading(text.strip()):
        return key, text.strip(), text.strip()
    try:
        value = read(f"value: {text}", f"{LINE}: {key}")
    except RecipeError as error:  # one line has no line numbers
        raise RecipeError(re.sub(r": line \d+: ", ": ", str(error))) from error
    return key, value["value"], text.strip()


def read(text: str, label: str) -> dict[str, Any]:
    """A text's keys as plain containers, `${...}` unresolved."""
    examine(text, label)
    try:
        found = OmegaConf.to_container(OmegaConf.load(io.StringIO(text)), resolve=False)
    except yaml.YAMLError as error:
        raise RecipeError(wrong(error, label)) from error
    except OSError as error:  # OmegaConf's word for a file that is one value
        raise RecipeError(f"{label}: expected keys, got {shown(text.strip())}") from error
    except (OmegaConfBaseException, ValueError) as error:
        raise RecipeError(f"{label}: {str(error).splitlines()[0]}") from error
    if not isinstance(found, dict):
        raise RecipeError(f"{label}: expected keys, got {shown(found)}")
    if odd := [key for key in found if not isinstance(key, str)]:
        raise RecipeError(f"{label}: {shown(odd[0])}: expected a name as key; put it in quotes")
    return {str(key): value for key, value in found.items()}


def _layers(library: Library, file: RecipeFile, above: tuple[Path, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The included recipes, depth first, then the file itself, each with the name that errors call it by."""
    path = file.path.resolve()
    if path in above:
        raise RecipeError(f"{file.label}: {DEFAULTS}: includes itself by way of {above[-1].name}")
    layer = read(file.text(), file.label)
    names = layer.pop(DEFAULTS, [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise RecipeError(f"{file.label}: {DEFAULTS}: expected a list of recipes, got {shown(names)}")
    for name in names:
        try:
            included = library.included(file, name)
        except RecipeError as error:
            raise RecipeError(f"{file.label}: {DEFAULTS}: {error}") from error
        yield from _layers(library, included, (*above, path))
    yield file.label, layer
