"""List the shipped recipes."""

from __future__ import annotations

import argparse

from ..recipe_files import Library
from .output import say, say_json, table


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(given: argparse.Namespace) -> int:
    """Prints name and first comment line of each."""
    recipes = Library().all()
    if given.json:
        say_json([{"name": recipe.name, "summary": recipe.summary, "file": str(recipe.path)} for recipe in recipes])
        return 0
    if recipes:
        table([(recipe.name, recipe.summary) for recipe in recipes])
    say("\ntrain: fulgurite train RECIPE; print it whole: fulgurite show RECIPE; make it yours: fulgurite copy RECIPE")
    return 0
