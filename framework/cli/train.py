"""Train by a recipe.

The recipe is checked first, so that a mistake costs no time. A run gets its own folder, whose path and resume command
are printed at once. Several seeds (seed=0..4) run one after another, as one group.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from .output import Usage, say, trusting

SEEDS = re.compile(r"seed=(\d+)\.\.(\d+)")


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", help="a shipped name (pets/pendulum), a file or an address (https://.../mine.yaml)")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="changes: seed=1, agent.planner=cem, ...")
    trusting(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs (runs)")


def run(given: argparse.Namespace) -> int:
    """Composes and checks for every seed, then trains one after the other."""
    from ..recipe import check, compose
    from . import run_folder
    from .fit import fit

    shared = run_folder.join()
    if shared is not None:
        return fit(compose(shared), shared, None)
    composed = [compose(given.recipe, overrides, trust=given.trust) for overrides in by_seed(given.overrides)]
    for one in composed:
        check(one)
        devices = one.tree.root.get("trainer", {}).get("devices", 1)
        if len(composed) > 1 and devices != 1:
            raise Usage(f"trainer.devices={devices} with several seeds: expected one seed a command, or one device")
    start = run_folder.start_time()
    for one in composed:
        said = one.tree.find("seed")[1] if "seed" in one.tree.root else 0
        seed = said if isinstance(said, int) else int(float(said))  # checked: a whole number, perhaps as a text
        folder = run_folder.create(given.runs, one, start, seed)
        say(f"{one.file.name}, seed {seed}: {folder}")
        run_folder.share(folder)
        code = fit(one, folder, None)
        if code:
            return code
    return 0


def by_seed(overrides: Sequence[str]) -> list[list[str]]:
    """The overrides of each run: `seed=0..4` means five, anything else one."""
    ranges = [found for word in overrides if (found := SEEDS.fullmatch(word))]
    if not ranges:
        return [list(overrides)]
    if len(ranges) > 1 or (first := int(ranges[0][1])) > (last := int(ranges[0][2])):
        raise Usage(
            f"expected one rising range of seeds such as seed=0..4, got {' '.join(found[0] for found in ranges)}"
        )
    if last - first >= 1000:
        raise Usage(f"{ranges[0][0]}: expected at most 1000 seeds")
    rest = [word for word in overrides if not SEEDS.fullmatch(word)]
    return [[*rest, f"seed={seed}"] for seed in range(first, last + 1)]
