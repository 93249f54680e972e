"""What stands between a simulator and the agent, named in a recipe: the seam of environment wrappers.

    environment.wrappers: {pixels: {_target_: Pixels}, stack: {_target_: FrameStack, frames: 3}}

The first one is innermost. They see one step for each action, however often it is repeated, and observations as
Gymnasium has them: images are `[H, W, C]`. What comes out of the last one is brought to the framework's form.
"""

from abc import ABC, abstractmethod
from typing import Any

import gymnasium
import numpy as np

from .gymnasium_wrappers import RESET, STEP, parts
from .observation_space import expect_shape


class EnvironmentWrapper(ABC):
    """Wraps environments; an object of plain attributes, since it is sent to the processes in which they run.

    Attributes:
        draws: whether it needs the environment to draw frames.
    """

    draws = False

    @abstractmethod
    def wrap(self, env: gymnasium.Env) -> gymnasium.Env:
        """The environment that is seen instead, as a rule a `gymnasium.Wrapper`. Called for each environment made.

        Raises:
            ValueError: for an environment that it does not fit.
        """


class Changed(gymnasium.Wrapper, ABC):
    """An environment of which something else is seen.

    Attributes:
        chance: the wrapper's own source of chance; a reset with a seed seeds it, and the same seed repeats it.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        self.chance = np.random.default_rng()

    @abstractmethod
    def shown(self, observation: Any, first: bool) -> Any:
        """What is seen of an observation, which is the first one of an episode or a later one."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        observation, info = parts(RESET, "reset", lambda: self.env.reset(seed=seed, options=options))
        if seed is not None:
            self.chance = np.random.default_rng([seed, depth(self)])
        expect_shape(observation, self.env.observation_space)
        return self.shown(observation, True), info

    def step(self, action: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        observation, reward, terminated, truncated, info = parts(STEP, "step", lambda: self.env.step(action))
        expect_shape(observation, self.env.observation_space)
        return self.shown(observation, False), reward, terminated, truncated, info


def depth(env: gymnasium.Env) -> int:
    """How many wrappers there are: two that are alike differ in it, so that their chance does."""
    return 1 + depth(env.env) if isinstance(env, gymnasium.Wrapper) else 0
