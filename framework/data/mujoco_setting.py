"""What MuJoCo needs told, wherever its environments come from: how to draw without a display, and where to complain."""

import logging
import os
import platform
import sys
from ctypes.util import find_library

import gymnasium

log = logging.getLogger(__name__)


def set_up_mujoco() -> None:
    """On a Linux machine without a display it draws with EGL, unless MUJOCO_GL says otherwise; it warns by `logging`.

    It reads the variable when it first draws, dm_control when it is imported. Where EGL is not installed the variable
    stays unset: with it, MuJoCo could not even be imported. Its warnings would else go to a file in the working folder.
    """
    headless = platform.system() == "Linux" and not os.environ.get("DISPLAY")
    if headless:
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")  # else pygame complains that it finds no desktop
    if headless and "MUJOCO_GL" not in os.environ and find_library("EGL"):
        os.environ["MUJOCO_GL"] = "egl"
    mujoco = sys.modules.get("mujoco")  # TorchRL has imported it where it is installed
    if mujoco is not None and mujoco.get_mju_user_warning() is None:
        mujoco.set_mju_user_warning(warn)


def warn(message: str) -> None:
    """Passes a warning on; what it says of its own environments' outdated XML concerns nobody here."""
    log.log(logging.DEBUG if "deprecated" in message else logging.WARNING, "MuJoCo: %s", message)


def draw_cheaply(env: gymnasium.Env) -> None:
    """Without shadows and smoothed edges a CPU draws a MuJoCo model about five times as fast."""
    mujoco, model = sys.modules.get("mujoco"), getattr(env.unwrapped, "model", None)
    if mujoco is not None and isinstance(model, mujoco.MjModel):
        model.vis.quality.offsamples = model.vis.quality.shadowsize = 0
