"""Show that a recipe's runs resume exactly.

A short run is left alone; the same one is killed (SIGKILL) at random moments after its first checkpoint, and resumed
each time. What they leave is compared bit by bit: weights, optimisers, normalisers, buffer, counters, chance, metrics.
Prints `identical`, or the first thing that differs; the exit code is then 1.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from pathlib import Path
from typing import Any

from .output import Usage, complain, say

COLLECTIONS = 4  # beyond the warm-up, by default


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", help="a shipped name or a file")
    parser.add_argument("overrides", nargs="*", default=[], metavar="key=value", help="as for train")
    parser.add_argument("--env-steps", type=int, metavar="N", help="of each run; by default four collections")
    parser.add_argument("--kills", type=int, default=1, metavar="K", help="how many runs are killed and resumed (1)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of the kills (0)")


def run(given: argparse.Namespace) -> int:
    """Checks the recipe, then runs it once in peace and `kills` times not."""
    from ..recipe import check, compose

    if given.kills < 1:
        raise Usage(f"--kills: expected at least 1, got {given.kills}")
    composed = compose(given.recipe, given.overrides)
    check(composed)
    words = [shell_name(given.recipe), *given.overrides, *shortened(composed.tree.root, given.env_steps)]
    from ..runs.difference import difference  # imports torch
    from ..selftest.drill import Failed
    from ..selftest.killed_run import killed_and_resumed, left_alone

    chance = random.Random(given.seed)
    with tempfile.TemporaryDirectory(prefix="verify-resume-") as place:
        try:
            say("a run that is left alone ...")
            whole, seconds = left_alone(words, Path(place) / "whole")
            for number in range(1, given.kills + 1):
                other, where = killed_and_resumed(words, Path(place) / f"killed{number}", seconds, chance)
                found = difference(whole, other)
                said = f"killed after {where}, resumed"
                if found is not None:
                    say(f"{said}: differs in {found}")
                    return 1
                say(f"{said}: identical")
        except Failed as error:
            complain(str(error))
            return 1
    return 0


def shell_name(recipe: str) -> str:
    """The recipe as the command finds it from any folder."""
    return str(Path(recipe).resolve()) if Path(recipe).exists() else recipe


def shortened(root: dict[str, Any], env_steps: int | None) -> list[str]:
    """Overrides that make a run short, and save as often as it can."""
    experience = root.get("experience", {})
    unit = experience.get("env_steps_per_collection", 200)
    warmup = experience.get("warmup_env_steps", 200)
    longest = experience.get("max_env_steps", 10_000)
    if not all(isinstance(number, int) for number in (unit, warmup, longest)):
        raise Usage("--env-steps: needed, where the recipe's experience has ${...} as numbers of steps")
    steps = min(longest, warmup + COLLECTIONS * unit) if env_steps is None else env_steps
    return [f"experience.max_env_steps={steps}", f"callbacks.checkpoint.every_env_steps={unit}", "logger=null"]
