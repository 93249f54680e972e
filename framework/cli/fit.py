"""What `train` and `resume` share: build, fit, and say how it ended and how to go on."""

from __future__ import annotations

import logging
import os
import time
import traceback
from pathlib import Path

from ..recipe import Composed, build
from ..recipe_error import MissingExtra, RecipeError
from ..redact import redact
from ..runs import stopping
from . import run_folder, slurm_job
from .other_recipe import differing
from .output import Usage, complain, further_rank, say
from .parent import share_fate
from .stop import Stop, signals


def go_on(composed: Composed, folder: Path) -> int:
    """Fits in a folder from its newest undamaged checkpoint, or from the start where it has none."""
    with run_folder.to_itself(folder):
        checkpoint = None
        if any((folder / "checkpoints").glob("*")) and (checkpoint := newest(folder)) is None:
            say("from the start")
        return fit(composed, folder, checkpoint)


def newest(folder: Path) -> Path | None:
    """The newest undamaged checkpoint of a run that we have to ourselves; what a killed process left is removed.

    Raises:
        Usage: where there are checkpoints and none is whole. To start over would in time remove what somebody can mend.
    """
    from ..runs.checkpoint import latest, sweep  # imports torch

    if not further_rank():
        sweep(folder)
    checkpoint = latest(folder, complain)
    if checkpoint is not None:
        say(f"from {checkpoint.name}")
    elif run_folder.checkpoints(folder):
        raise Usage(f"{folder}: every checkpoint is damaged; start again with: fulgurite train {folder}")
    return checkpoint


def fit(composed: Composed, folder: Path, checkpoint: Path | None) -> int:
    """Builds the experiment and fits it in its folder; returns the exit code.

    Raises:
        RecipeError, MissingExtra: from building; a folder with nothing but the recipe in it is removed.
    """
    share_fate()
    if not further_rank():
        run_folder.share(folder, checkpoint)
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
            recipe = redact(composed.tree.root)
            if checkpoint is not None and not further_rank():
                for line in differing(checkpoint, recipe):
                    complain(line)
            result = experiment.fit(folder, checkpoint, recipe)
            if number := stopping.asked():
                stop.note(number)
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
            _explain(error, folder)
    last_words(stop, code)
    return code


def _explain(error: Exception, folder: Path) -> None:
    """Prints where and why a run failed, without secrets. Some errors say all themselves; what they came of follows."""
    from ..data.collector import WorkerLost
    from ..data.episodes import EnvironmentFault
    from ..models.dump import NotFinite
    from ..runs.blanked import blanked
    from ..runs.checkpoint_content import WrongCheckpoint
    from ..runs.lost_ranks import RankLost

    if isinstance(error, RankLost):  # who was lost has been said
        return
    shown: BaseException | None = error
    if isinstance(error, EnvironmentFault | NotFinite | WrongCheckpoint | WorkerLost):
        complain(blanked(str(error), folder))
        shown = error.__cause__
    if shown is not None:
        complain(blanked("".join(traceback.format_exception(shown)).rstrip(), folder))


def _say_way_back(folder: Path, command: str, ended: str) -> None:
    if run_folder.checkpoints(folder):
        complain(f"{ended}; continue with: {command}")
    else:
        complain(f"{ended}; no checkpoint was written in {folder}")
        run_folder.drop_if_empty(folder)
