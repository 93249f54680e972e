"""An environment that fails as it is told to. It imports neither torch nor the framework: its processes start fast."""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces


class Faulty(gymnasium.Env):
    """Observes the step of its episode, how its last action was, and two draws of its own; ends after `length` steps.

    Args:
        way: how it fails; see `step` and `fail`.
        at: the step of an episode at which it fails; 0 is the reset.
        p: the chance to fail at a step, drawn from its own source.
        seeds: it fails in every episode whose seed leaves this remainder when divided by 3; None: in any.
        once: a file; where it exists, the environment removes it and fails, at any step.
        during: a file; it fails only while this exists. None: always.
        ways: instead of one way, so many in turn, each `rounds` times, and from then on it does not fail any more.
        tally: the file in which failures in turn are counted; they outlive the environment, and its process.
        length: of an episode.
        nap: seconds that a step takes.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 20}  # noqa: RUF012 (Gymnasium's own)

    def __init__(
        self,
        way: str = "raise",
        at: int | None = None,
        p: float = 0.0,
        seeds: int | None = None,
        once: str | None = None,
        length: int = 30,
        nap: float = 0.0,
        during: str | None = None,
        ways: Sequence[str] = (),
        rounds: int = 1,
        tally: str = "tally",
        render_mode: str | None = None,
    ) -> None:
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, (4,), np.float32)
        self.way, self.at, self.p, self.seeds, self.once = way, at, p, seeds, once
        self.length, self.nap, self.render_mode = length, nap, render_mode
        self.during, self.ways, self.rounds, self.tally = during, ways, rounds, Path(tally)
        if way == "constructor":
            self.fail()

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.steps, self.doomed = 0, self.seeds is None or (seed or 0) % 3 == self.seeds
        observation = self.seen(0.0)
        if self.due():
            self.fail()
        return observation, {}

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict]:
        self.steps += 1
        time.sleep(self.nap)
        observation, reward = self.seen(float(action[0])), 1.0
        if self.due():
            match self.way:
                case "nan":
                    reward = float("nan")
                case "inf":
                    observation[2] = np.inf
                case "shape":
                    observation = np.zeros(3, np.float32)
                case "dtype":
                    observation = np.array(["a", "b", "c", "d"])
                case "reward":
                    reward = "much"  # type: ignore[assignment]
                case "parts":
                    return observation, reward, False, {}  # type: ignore[return-value]
                case _:
                    self.fail()
        return observation, reward, self.steps == self.length, False, {}

    def render(self) -> Any:
        return np.full((4, 6, 3), self.steps, np.uint8)

    def seen(self, action: float) -> np.ndarray:
        return np.array([self.steps, action, *self.np_random.normal(size=2)], np.float32)

    def due(self) -> bool:
        drawn = self.np_random.random() < self.p
        if self.once is not None and Path(self.once).exists():
            Path(self.once).unlink()
            return True
        if self.during is not None and not Path(self.during).exists():
            return False
        if not self.doomed or not (drawn or self.steps == self.at):
            return False
        return not self.ways or self.turn()

    def turn(self) -> bool:
        """Takes the next way, if one is left."""
        so_far = self.tally.stat().st_size if self.tally.exists() else 0
        if so_far == self.rounds * len(self.ways):
            return False
        self.way = self.ways[so_far % len(self.ways)]
        with self.tally.open("a") as file:
            file.write(".")
        return True

    def fail(self) -> None:
        match self.way:
            case "raise" | "constructor":
                raise ZeroDivisionError("the simulator broke")
            case "exit":
                os._exit(3)
            case "sys.exit":
                sys.exit("enough")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "segfault":
                ctypes.string_at(0)
            case "hang":
                time.sleep(1e6)
            case "memory":
                resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
                np.ones(1 << 30)
            case "child":
                child = subprocess.Popen(["sleep", "1000"])
                raise OSError(f"child {child.pid}")


gymnasium.register("selftest/Faulty-v0", Faulty)  # type: ignore[arg-type]
