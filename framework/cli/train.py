"""Train by a recipe.

The recipe is checked first, so that a mistake costs no time. A run gets its own folder, whose path and resume command
are printed at once. Several seeds (seed=0..4) run one after another, as one group; with --slurm each is a job.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from ..recipe import Composed, seed_of
from . import slurm, slurm_job
from .output import Usage, say, trusting

SEEDS = re.compile(r"seed=(\d+)\.\.(\d+)")


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("recipe", help="a shipped name (pets/pendulum), a file or an address (https://.../mine.yaml)")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="changes: seed=1, agent.planner=cem, ..."
    )
    trusting(parser)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="the folder of all runs (runs)")
    parser.add_argument("--slurm", nargs="?", const="", metavar="key=value,...", help=slurm.HELP)


def run(given: argparse.Namespace) -> int:
    """Composes and checks for every seed, then trains one after the other, or submits them."""
    from ..recipe import check, compose
    from . import run_folder
    from .fit import fit

    if (joined := run_folder.join()) is not None:
        return fit(compose(joined[0]), *joined)
    words = by_seed(given.overrides)
    composed = [compose(given.recipe, overrides, trust=given.trust) for overrides in words]
    for one in composed:
        check(one)
    if given.slurm is not None:
        return submit(given, composed)
    for one in composed:
        devices = one.tree.root.get("trainer", {}).get("devices", 1)
        if len(composed) > 1 and devices != 1:
            raise Usage(f"trainer.devices={devices} with several seeds: expected one seed a command, or one device")
    start = run_folder.start_time()
    for one, overrides in zip(composed, words, strict=True):
        code = train(one, overrides, given.runs, start)
        if code:
            return code
    return 0


def train(composed: Composed, overrides: Sequence[str], runs: Path, start: str) -> int:
    """Trains in a new folder; in a job that SLURM has started again, in the one that it made before."""
    from . import run_folder
    from .fit import go_on

    job = slurm_job.current()
    if job is None:
        folder = run_folder.create(runs, composed, start, seed_of(composed))
    else:
        folder = slurm_job.run_of(
            job,
            runs / composed.file.name / slurm.FOLDER,
            [composed.file.name, *overrides],
            lambda: run_folder.create(runs, composed, start, seed_of(composed)),
        )
        if run_folder.completed(folder):
            say(f"{folder}: completed before this job was started again")
            return 0
    say(f"{composed.file.name}, seed {seed_of(composed)}: {folder}")
    return go_on(composed, folder)


def submit(given: argparse.Namespace, composed: Sequence[Composed]) -> int:
    """Makes a folder for each run and hands all of them to SLURM; none is left where it refuses."""
    from . import run_folder

    submission = slurm.Submission(given.slurm, composed[0])
    start = run_folder.start_time()
    folders = [run_folder.create(given.runs, one, start, seed_of(one)) for one in composed]
    try:
        submission.submit(folders)
    except BaseException:
        for folder in folders:
            run_folder.drop_if_empty(folder)
        raise
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
