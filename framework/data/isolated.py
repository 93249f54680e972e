"""A simulator in a process of its own, which may raise, end, break or hang without harm to the run.

A hang can be seen from outside only: without a process of its own nothing can be done about it.
"""

import json
import pickle
import struct
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ..keys import ObservationShape
from ..recipe_error import MissingExtra
from .gymnasium_wrappers import Outcome
from .lasting import LASTING
from .nonsense import Nonsense, SelfExplaining, WrongForm
from .observation_space import Observation, packed, space_of, unpacked
from .simulator import Simulator
from .worker import ENDS, FAILED
from .worker_process import START_LIMIT, ProcessFailed, WorkerProcess

KEY = "environment.step_timeout"


class SimulatorFailed(SelfExplaining, RuntimeError):
    """What a simulator raised in its process; the note is the traceback from there."""


def start(simulator: Simulator, step_timeout: float) -> Callable[[], "Isolated"]:
    """Starts a process that makes the simulator; what it returns waits for that. So several start at once.

    Raises:
        ValueError: for options and wrappers that cannot be sent; from what it returns, what making a simulator raises.
    """
    try:
        process = WorkerProcess(simulator)
    except (pickle.PicklingError, TypeError, AttributeError) as error:
        what = "wrappers" if sendable(simulator.options) else "options"
        raise ValueError(f"environment {simulator.id}: {what}: need what can be sent to a process: {error}") from error

    def started() -> Isolated:
        try:
            return Isolated(process, step_timeout)
        except ProcessFailed as error:
            raise ValueError(f"environment {simulator.id}: {error}") from error

    return started


def sendable(arguments: Any) -> bool:
    """Whether they can be sent to a process."""
    try:
        pickle.dumps(arguments)
    except (pickle.PicklingError, TypeError, AttributeError):
        return False
    return True


class Isolated(gymnasium.Env):
    """The other end of a `worker`: the framework's convention, as `Convention` gives it; of `info` only `lasting`.

    Args:
        process: that makes the simulator.
        step_timeout: seconds that a step, a reset or a frame may take.

    Raises:
        ValueError, MissingExtra: where the simulator cannot be made.
    """

    def __init__(self, process: WorkerProcess, step_timeout: float) -> None:
        self.process = process
        self.step_timeout = step_timeout
        try:
            described = json.loads(received(process.answer(START_LIMIT, "to start"), making=True))
        except BaseException:
            process.close()
            raise
        self._shape = shapes(described["observation_shape"])
        self.discrete_observations: bool = described["discrete_observations"]
        self.discrete_actions: bool = described["discrete_actions"]
        self.repeatable: bool = described["repeatable"]
        self.metadata = {name: described[name] for name in ("render_modes", "render_fps")}
        self.observation_space = space_of(self._shape)
        low = 0.0 if self.discrete_actions else -1.0
        self.action_space = spaces.Box(low, 1.0, (described["action_size"],), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Observation, dict]:
        """The first observation."""
        return self.begin_reset(seed, options)()

    def step(self, action: NDArray[np.floating]) -> Outcome:
        """The outcome of an action `[A]`."""
        return self.begin_step(np.asarray(action, np.float32))()

    def begin_reset(self, seed: int | None, options: dict[str, Any] | None) -> Callable[[], tuple[Observation, dict]]:
        """Begins a reset; what it returns waits for the observation."""
        self.process.ask(("reset", seed, options))
        return lambda: self._unpacked(self._received(), 0)

    def begin_step(self, action: NDArray[np.float32]) -> Callable[[], Outcome]:
        """Begins a step; what it returns waits for the outcome."""
        self.process.ask(("step", action))
        return self._outcome

    def render(self) -> NDArray[np.uint8]:
        """A frame `[H, W, 3]`."""
        self.process.ask(("render",))
        answer = self._received()
        shape = struct.unpack_from("<3I", answer)
        return np.frombuffer(answer, np.uint8, offset=12).reshape(shape).copy()

    def close(self) -> None:
        """Ends the process."""
        self.process.close()

    def _outcome(self) -> Outcome:
        answer = self._received()
        observation, info = self._unpacked(answer, ENDS.size)
        return observation, *ENDS.unpack_from(answer), info

    def _unpacked(self, answer: bytes, offset: int) -> tuple[Observation, dict[str, Any]]:
        observation = unpacked(answer, self._shape, offset)
        rest = answer[offset + len(packed(observation)) :]
        return observation, {LASTING: json.loads(rest)} if rest else {}

    def _received(self) -> bytes:
        return received(self.process.answer(self.step_timeout, KEY), making=False)


def shapes(told: Any) -> ObservationShape:
    """What became of shapes on their way through JSON."""
    return {name: tuple(shape) for name, shape in told.items()} if isinstance(told, dict) else tuple(told)


def received(answer: bytes, making: bool) -> bytes:
    """An answer without its kind; raises what was raised in the process."""
    kind, content = answer[:1], answer[1:]
    if kind != FAILED:
        return content
    told = json.loads(content)
    if told["missing"] is not None:
        raise MissingExtra(told["missing"])
    error: Exception
    if making and told["refused"]:
        error = ValueError(told["problem"])
    elif told["nonsense"]:
        error = (WrongForm if told["hopeless"] else Nonsense)(told["problem"])
    else:
        error = SimulatorFailed(told["problem"])
    error.add_note(f"In the simulator's process:\n\n{told['traceback'].rstrip()}")
    raise error
