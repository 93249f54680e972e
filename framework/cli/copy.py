"""Copy a shipped recipe, to change it."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from ..recipe_files import Library, RecipeFile
from .output import Usage, say


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", help="a shipped name, a file or an address")
    parser.add_argument(
        "destination", nargs="?", type=Path, help="file or folder; the recipe's own name here by default"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is there")


def run(given: argparse.Namespace) -> int:
    """Writes the file; what it includes stays included, by its shipped name."""
    library = Library()
    recipe = library.find(given.recipe)
    target = given.destination or Path(recipe.path.name)
    if target.is_dir():
        target = target / recipe.path.name
    if target.suffix not in (".yaml", ".yml"):
        raise Usage(f"{target}: expected a folder or a name that ends in .yaml")
    if target.exists() and not given.force:
        raise Usage(f"{target} exists; --force writes over it")
    if not target.parent.is_dir():
        raise Usage(f"{target.parent} is no folder")
    target.write_text(_moved(library, recipe), encoding="utf-8")
    say(f"{target}\nfulgurite train {shlex.quote(str(target))}")
    if recipe.fetched is not None:
        say("Read it first: as a file of yours it may name any class that is installed.")
    return 0


def _moved(library: Library, recipe: RecipeFile) -> str:
    """The text with its relative inclusions named so that they are found from anywhere."""

    def renamed(line: re.Match[str]) -> str:
        return line[1] + re.sub(r"[\w./-]+", lambda word: _absolute(library, recipe, word[0]), line[2])

    text = recipe.text()
    return re.sub(r"(?m)^(defaults:[ \t]*)(\[.*\]|(?:\n[ \t]*-.*)+)", renamed, text)


def _absolute(library: Library, recipe: RecipeFile, word: str) -> str:
    if not word.strip("-"):
        return word
    included = library.included(recipe, word)
    return included.name if included.shipped else str(included.path.resolve())
