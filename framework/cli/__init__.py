"""The `fulgurite` command: one file a verb, each with `add` for its arguments and `run` for its work.

Torch takes seconds to import, so only a verb that trains or plays does, and after all that can be refused without it.

    0 done   1 the run failed   2 wrong usage   3 recipe refused   4 an extra is missing   128 + n stopped by signal n
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from .. import __version__
from ..recipe_error import MissingExtra, RecipeError
from . import (
    check,
    compare,
    copy,
    doctor,
    evaluate,
    export,
    import_,
    list,
    play,
    report,
    resume,
    selftest,
    show,
    sweep,
    train,
    verify_resume,
    video,
)
from .output import Usage, complain

VERBS = (
    train,
    sweep,
    evaluate,
    video,
    play,
    report,
    compare,
    resume,
    export,
    import_,
    list,
    show,
    copy,
    check,
    verify_resume,
    selftest,
    doctor,
)
EXAMPLES = """examples:
  fulgurite list                                        the recipes
  fulgurite train pets/pendulum                         train; everything lands in runs/pets/pendulum/
  fulgurite train pets/pendulum seed=0..4 agent.planner=random_shooting
  fulgurite show CEM                                    what a class takes
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one verb and returns the exit code."""
    given = _parsed(sys.argv[1:] if arguments is None else arguments)
    try:
        code = guarded(lambda: given.run(given))
        sys.stdout.flush()
    except BrokenPipeError:  # the reader, `head` perhaps, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def guarded(work: Callable[[], int]) -> int:
    """The exit code of some work, with a line on stderr for each thing that was wrong."""
    try:
        return work()
    except Usage as error:
        complain(str(error))
        return 2
    except RecipeError as error:
        for problem in error.problems:
            complain(problem)
        return 3
    except MissingExtra as error:
        complain(str(error))
        return 4
    except KeyboardInterrupt:
        return 130


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="fulgurite",
        description="Learn models of the world and act with them.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fulgurite {__version__}")
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in VERBS:
        said = (verb.__doc__ or "").strip()
        one = verbs.add_parser(
            verb.__name__.rpartition(".")[2].strip("_").replace("_", "-"),
            help=said.splitlines()[0],
            description=said,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        verb.add(one)
        one.set_defaults(run=verb.run)
    if not arguments:  # argparse would name one line of what there is
        parser.print_help(sys.stderr)
        parser.exit(2, "\nfulgurite: error: the following arguments are required: VERB\n")
    given, rest = parser.parse_known_args(arguments)
    for word in rest:  # what argparse leaves over where options stand between overrides
        if word.startswith("-") or "overrides" not in given:
            key = word.lstrip("-").partition("=")[0]
            hint = f"; a recipe's key is given as {key}=value" if word.startswith("--") and "overrides" in given else ""
            parser.error(f"unknown argument {word}{hint}")
        given.overrides = [*given.overrides, word]
    return given
