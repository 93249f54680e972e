"""Check a recipe, without running it.

Every key, value, class and ${reference} is checked against the classes' source; torch is not imported. With --deep
the objects are imported and built, too. The exit code is 3 where something is wrong.
"""

from __future__ import annotations

import argparse

from .output import complain, say, say_json, trusting
from .train import by_seed


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", help="a shipped name, a file, a run folder or an address")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as for train")
    parser.add_argument("--deep", action="store_true", help="import and build everything, too (takes seconds)")
    trusting(parser)
    parser.add_argument("--json", action="store_true", help="machine-readable")


def run(given: argparse.Namespace) -> int:
    """Prints what is wrong, a line each, or that nothing is."""
    from ..recipe import MissingExtra, RecipeError, build, check, compose

    code, problems = 0, []
    try:
        composed = compose(given.recipe, by_seed(given.overrides)[0], trust=given.trust)
        check(composed)
        if given.deep:
            build(composed)
    except RecipeError as error:
        code, problems = 3, error.problems
    except MissingExtra as error:
        code, problems = 4, [str(error)]
    if given.json:
        say_json({"recipe": given.recipe, "ok": not problems, "deep": given.deep, "problems": problems})
    elif problems:
        for problem in problems:
            complain(problem)
    else:
        say(f"{given.recipe}: ok" + (", built" if given.deep else ""))
    return code
