"""What MuJoCo needs told, wherever its environments come from: where to complain, and to draw cheaply."""

import logging
import os
import sys
from typing import Any

import gymnasium

from .renderer import headless

log = logging.getLogger(__name__)


def set_up_drawing() -> None:
    """Tells pygame that there is no screen, else it complains that it finds no desktop."""
    if headless():
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


def set_up_mujoco() -> None:
    """MuJoCo warns by `logging`. Its warnings would else go to a file in the working folder."""
    mujoco = sys.modules.get("mujoco")  # TorchRL has imported it where it is installed
    if mujoco is not None and mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(warn)


def warn(message: str) -> None:
    """Passes a warning on; what it says of its own environments' outdated XML concerns nobody here."""
    log.log(logging.DEBUG if "deprecated" in message else logging.WARNING, "MuJoCo: %s", message)


def mujoco_model(env: gymnasium.Env) -> Any:
    """The MuJoCo model of an environment, or None where it is of another kind."""
    mujoco, model = sys.modules.get("mujoco"), getattr(env.unwrapped, "model", None)
    return model if mujoco is not None and isinstance(model, mujoco.MjModel) else None


def draw_cheaply(env: gymnasium.Env) -> None:
    """Without shadows and smoothed edges a CPU draws a MuJoCo model twenty times as fast."""
    model = mujoco_model(env)
    if model is not None:
        model.vis.quality.offsamples = model.vis.quality.shadowsize = 0
