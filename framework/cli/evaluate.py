"""Play episodes from fixed starts: a run's newest agent, or a recipe's untrained one.

The starts' seeds are printed, so that others can play the same episodes.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .output import Usage, complain, number, say, say_json, table


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", metavar="RUN|RECIPE", help="the folder of a run, a shipped name or a file")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="as for train")
    parser.add_argument("--episodes", type=int, metavar="N", help="how many starts; the recipe's number by default")
    parser.add_argument("--json", action="store_true", help="machine-readable, every return with its seed")


def run(given: argparse.Namespace) -> int:
    """Builds the agent, loads it where there is a run, and prints the returns."""
    from ..recipe import build, check, compose

    episodes = [] if given.episodes is None else [f"evaluation.episodes={given.episodes}"]
    composed = compose(given.recipe, [*given.overrides, *episodes])
    check(composed)
    if not given.json:
        say("loading torch ...")
    checkpoint = None
    if Path(given.recipe).is_dir():
        from ..runs.checkpoint import latest

        checkpoint = latest(Path(given.recipe), complain)
        if checkpoint is None:
            raise Usage(f"{given.recipe} has no undamaged checkpoint; a recipe's name evaluates its untrained agent")
    result = build(composed).evaluate(checkpoint)
    if given.json:
        say_json({"recipe": given.recipe, "checkpoint": checkpoint, **result})
        return 0
    say(f"{given.recipe}, {'untrained' if checkpoint is None else checkpoint.name}")
    names = ("return_mean", "return_std", "return_min", "return_max", "length_mean", "episodes")
    table([(name.replace("_", " "), number(result[name])) for name in names])
    seeds = result["seeds"]
    say(f"seeds {seeds[0]} to {seeds[-1]}" if seeds == list(range(seeds[0], seeds[-1] + 1)) else f"seeds {seeds}")
    return 0
