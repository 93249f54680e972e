"""What `train` and `resume` share: build, fit, and say how it ended and how to go on."""

from __future__ import annotations

import logging
import os
import time
import traceback
from pathlib import Path

from ..recipe import Composed, build
from ..recipe_error import MissingExtra, RecipeError
from . import run_folder
from .output import complain, say
from .stop import signals


def fit(composed: Composed, folder: Path, checkpoint: Path | None) -> int:
    """Builds the experiment and fits it in its folder; returns the exit code.

    Raises:
        RecipeError, MissingExtra: from building; a folder with nothing but the recipe in it is removed.
    """
    command = run_folder.resume_command(folder)
    say(f"to continue it after a stop: {command}\nloading torch ...")
    _quiet()
    began = time.perf_counter()
    with signals() as stop:
        try:
            experiment = build(composed)
            say(f"ready after {time.perf_counter() - began:.0f} s")
            result = experiment.fit(folder, checkpoint)
        except (RecipeError, MissingExtra):
            run_folder.drop_if_empty(folder)
            raise
        except (KeyboardInterrupt, SystemExit):
            code = stop.code or 1
        except Exception as error:
            code = 1
            _failed(error)
        else:
            code = stop.code
            run_folder.report(folder, result)
    if code:
        left = "stopped" if code > 128 else "failed"
        has_checkpoint = any((folder / "checkpoints").glob("step-*"))
        complain(
            f"{left}; " + (f"continue with: {command}" if has_checkpoint else f"no checkpoint was written in {folder}")
        )
        return code
    return 0


def _quiet() -> None:
    """The libraries' greetings and advertisements stay away; their warnings do not."""
    os.environ.setdefault("RL_LOGGING_LEVEL", "ERROR")
    logging.getLogger("pytorch_lightning.utilities.rank_zero").setLevel(logging.WARNING)


def _failed(error: Exception) -> None:
    """Prints where and why a run failed. An environment's fault says all itself; its own exception follows."""
    from ..data.episodes import EnvironmentFault

    if isinstance(error, EnvironmentFault):
        complain(f"{error}")
        error_of_environment = error.__cause__
        if error_of_environment is not None:
            complain("".join(traceback.format_exception(error_of_environment)).rstrip())
    else:
        complain("".join(traceback.format_exception(error)).rstrip())
