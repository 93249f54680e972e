"""Continue a run from its newest undamaged checkpoint.

What is watched and how long the run lasts may be changed: experience.max_env_steps, trainer.*, callbacks.*, logger.*
and evaluation.*. Everything else is part of the run.
"""

from __future__ import annotations

import argparse

from . import slurm
from .output import Usage, further_rank, say

GROUPS = ("trainer", "callbacks", "logger", "evaluation")
KEYS = ("experience.max_env_steps",)


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", help="the folder of a run")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="such as experience.max_env_steps=20000"
    )
    parser.add_argument("--slurm", nargs="?", const="", metavar="key=value,...", help=slurm.HELP)


def run(given: argparse.Namespace) -> int:
    """Checks the run's recipe again, and goes on."""
    from ..recipe import check, compose
    from . import run_folder
    from .fit import fit, newest

    if (joined := run_folder.join()) is not None:
        return fit(compose(joined[0]), *joined)
    folder = run_folder.existing(given.run_folder)
    for override in given.overrides:
        key = override.partition("=")[0]
        if key not in KEYS and key.partition(".")[0] not in GROUPS:
            allowed = ", ".join([*KEYS, *(f"{group}.*" for group in GROUPS)])
            raise Usage(
                f"{key}: a run keeps this; expected one of {allowed}. For another run: fulgurite train {folder}"
            )
    if not run_folder.checkpoints(folder):
        raise Usage(f"{folder} has no checkpoint yet; start again with: fulgurite train {folder}")
    composed = compose(folder, given.overrides)
    check(composed)
    submission = None if given.slurm is None else slurm.Submission(given.slurm, composed)
    say(f"{composed.file.name}: {folder}")
    with run_folder.to_itself(folder):
        checkpoint = newest(folder)
        if given.overrides and not further_rank():
            run_folder.write_recipe(folder, composed)
        if submission is None:
            return fit(composed, folder, checkpoint)
    submission.submit([folder])
    return 0
