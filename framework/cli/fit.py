"""What `train` and `resume` share: build, fit, and say how it ended and how to go on."""

from __future__ import annotations

import logging
import os
import time
import traceback
from pathlib import Path

from ..recipe import Composed, build
from ..recipe_error import MissingExtra, RecipeError
from . import run_folder, slurm_job
from .output import complain, further_rank, say
from .parent import share_fate
from .stop import Stop, signals


def go_on(composed: Composed, folder: Path) -> int:
    """Fits in a folder from its newest undamaged checkpoint, or from the start where it has none."""
    with run_folder.to_itself(folder):
        checkpoint = None
        if any((folder / "checkpoints").glob("*")):
            checkpoint = newest(folder)
            say(f"from {checkpoint.name}" if checkpoint else "from the start")
        return fit(composed, folder, checkpoint)


def newest(folder: Path) -> Path | None:
    """The newest undamaged checkpoint of a run that we have to ourselves; what a killed process left is removed."""
    from ..runs.checkpoint import latest, sweep  # imports torch

    if not further_rank():
        sweep(folder)
    return latest(folder, complain)


def fit(composed: Composed, folder: Path, checkpoint: Path | None) -> int:
    """Builds the experiment and fits it in its folder; returns the exit code.

    Raises:
        RecipeError, MissingExtra: from building; a folder with nothing but the recipe in it is removed.
    """
    share_fate()
    command = run_folder.resume_command(folder)
    say(f"to continue it after a stop: {command}\nloading torch ...")
    os.environ.setdefault("RL_LOGGING_LEVEL", "ERROR")  # torchrl reads it when it is imported
    began = time.perf_counter()
    saved = run_folder.checkpoints(folder)

    def last_words(stop: Stop, code: int) -> None:
        if further_rank():
            return
        if code:
            _say_way_back(folder, command, "stopped" if code > 128 else "failed")
        if stop.coming_back and (job := slurm_job.current()):
            slurm_job.requeue(job, command, run_folder.checkpoints(folder) != saved)

    with signals(lambda stop: last_words(stop, stop.code)) as stop:
        try:
            experiment = build(composed)
            logging.getLogger("pytorch_lightning").setLevel(logging.WARNING)  # no greetings, no advertisements
            say(f"ready after {time.perf_counter() - began:.0f} s")
            stop.fitting = True
            result = experiment.fit(folder, checkpoint)
            if not further_rank():
                run_folder.report(folder, result)
            # A further rank that ended as asked has not failed: whoever started it would kill the others half-way.
            code = 0 if further_rank() else stop.code
        except (RecipeError, MissingExtra):
            run_folder.drop_if_empty(folder)
            raise
        except (KeyboardInterrupt, SystemExit):
            code = stop.code or 1
        except Exception as error:
            code = 1
            _explain(error)
    last_words(stop, code)
    return code


def _explain(error: Exception) -> None:
    """Prints where and why a run failed. Some errors say all themselves; what they came of follows."""
    from ..data.collector import WorkerLost
    from ..data.episodes import EnvironmentFault
    from ..models.dump import NotFinite
    from ..runs.checkpoint_content import WrongCheckpoint

    shown: BaseException | None = error
    if isinstance(error, EnvironmentFault | NotFinite | WrongCheckpoint | WorkerLost):
        complain(str(error))
        shown = error.__cause__
    if shown is not None:
        complain("".join(traceback.format_exception(shown)).rstrip())


def _say_way_back(folder: Path, command: str, ended: str) -> None:
    if run_folder.checkpoints(folder):
        complain(f"{ended}; continue with: {command}")
    else:
        complain(f"{ended}; no checkpoint was written in {folder}")
        run_folder.drop_if_empty(folder)
