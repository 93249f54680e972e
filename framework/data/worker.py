"""What runs in a simulator's own process: it makes the simulator and answers, one message at a time, until told to end.

    ("reset", seed, options)   ("step", action [A])   ("render",)   ("close",)

It is sent plain Python, and answers with bytes alone: a kind, then numbers or JSON. So what a broken simulator leaves
behind can be read or not, but not executed, and an exception that cannot be pickled arrives as text.
"""

import faulthandler
import json
import os
import struct
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
from gymnasium import spaces

from ..recipe_error import MissingExtra
from ..runs.lifeline import tie_to
from .gymnasium_wrappers import Convention
from .lasting import lasting
from .nonsense import Nonsense, WrongForm, problem
from .observation_space import packed, shape_of

READY, OBSERVATION, OUTCOME, FRAME, FAILED = b"r", b"s", b"o", b"f", b"x"
CLOSE = ("close",)
ENDS = struct.Struct("<d??")  # reward, terminated, truncated


def main(descriptor: int, parent: int) -> None:
    """Serves the other end of a socket until it closes.

    Args:
        descriptor: of this end.
        parent: the process that decides; when it is gone, so is this one.
    """
    tie_to(parent)  # also where a step never ends
    faulthandler.enable()  # a segmentation fault says where
    os.set_inheritable(descriptor, False)  # else what a simulator starts would keep the connection open
    code = 1
    try:
        serve(Connection(descriptor))
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # without the time that large libraries take to unload


def serve(connection: Connection) -> None:
    """Makes one simulator and answers for it until the parent closes its end."""
    env = begin(connection)
    if env is None:
        return
    with suppress(EOFError, OSError):  # the parent closed its end
        while (asked := connection.recv()) != CLOSE:
            connection.send_bytes(answer(env, asked))
    env.close()


def begin(connection: Connection) -> Convention | None:
    """Makes the simulator it is told to, and describes it; None where that fails."""
    try:
        env: Convention = connection.recv().make()
    except BaseException as error:
        said = str(error) if isinstance(error, ValueError | MissingExtra) else problem(error)
        connection.send_bytes(failed(error, said))
        return None
    described = {
        "observation_shape": shape_of(env.observation_space),
        "action_size": spaces.flatdim(env.action_space),
        "discrete_observations": env.discrete_observations,
        "discrete_actions": env.discrete_actions,
        "repeatable": env.repeatable,
        "render_modes": [str(mode) for mode in env.metadata.get("render_modes") or ()],
        "render_fps": float(env.metadata.get("render_fps") or 0) or None,
    }
    connection.send_bytes(READY + json.dumps(described).encode())
    return env


def answer(env: Convention, asked: tuple[Any, ...]) -> bytes:
    """The answer to one message."""
    try:
        match asked:
            case ("step", action):
                observation, reward, terminated, truncated, info = env.step(action)
                return OUTCOME + ENDS.pack(reward, terminated, truncated) + packed(observation) + told(info)
            case ("reset", seed, options):
                observation, info = env.reset(seed=seed, options=options)
                return OBSERVATION + packed(observation) + told(info)
            case _:
                return picture(env.render())
    except BaseException as error:  # SystemExit too: whatever it is, the parent has to know
        return failed(error, problem(error))


def told(info: dict[str, Any]) -> bytes:
    """What outlasts the episode, as JSON; of nothing, nothing."""
    lasts = lasting(info)
    return json.dumps(lasts).encode() if lasts else b""


def picture(drawn: Any) -> bytes:
    """An RGB frame `[H, W, 3]`."""
    frame = np.asarray(drawn)
    if frame.ndim != 3 or frame.dtype != np.uint8:
        raise TypeError(f"expected an RGB frame [height, width, 3] of uint8, got {type(drawn).__name__}")
    return FRAME + struct.pack("<3I", *frame.shape) + frame.tobytes()


def failed(error: BaseException, said: str) -> bytes:
    """An exception as text."""
    told = {
        "problem": said,
        "refused": isinstance(error, ValueError),
        "missing": error.package if isinstance(error, MissingExtra) else None,
        "nonsense": isinstance(error, Nonsense),
        "hopeless": isinstance(error, WrongForm),
        "traceback": "".join(traceback.format_exception(error)),
    }
    return FAILED + json.dumps(told).encode()
