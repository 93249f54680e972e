"""One episode that can be gone back in: the simulator, what came of each step, and how the agent found it.

A simulator cannot be taken back, but its seed and the actions can be played again. A new one is made for that, as an
evaluation makes new ones, so that nothing outlasts.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensordict import TensorDictBase
from torch import Tensor

from ..data.environments import Environment
from ..data.episodes import Episodes
from ..data.observation_space import Observation, packed
from ..runs.footage import frame
from .thought import Thought


@dataclass
class Moment:
    """The episode after t steps.

    Attributes:
        observation: what is seen.
        picture: what the simulator draws, a PNG; empty where it draws nothing.
        reward: of the step that led here, 0 at the start.
        return_: the sum of the rewards so far.
        found: `[1]`, what the agent finds: `is_init`, what it remembers, the observation.
        chance: the state of the agent's generator.
        thought: what the agent made of it, once it was asked.
        action: `[A]`, the action taken here, once one was.
        by_agent: whether that was the agent's.
    """

    observation: Observation
    picture: bytes
    found: TensorDictBase
    chance: Tensor
    reward: float = 0.0
    return_: float = 0.0
    terminated: bool = False
    truncated: bool = False
    thought: Thought | None = None
    action: NDArray[np.float32] | None = None
    by_agent: bool = False


@dataclass
class Stage:
    """A simulator and where it stands.

    Args:
        environment: which makes it.
        draw: whether it draws.
    """

    environment: Environment
    draw: bool
    simulator: Episodes | None = None
    steps: int = 0
    seed: int = 0
    differs: bool = False

    def reset(self, seed: int) -> Observation:
        """Begins an episode, with a new simulator."""
        self.close()
        self.simulator = self.environment.make_single(seed, render=self.draw)
        self.seed, self.steps, self.differs = seed, 0, False
        observation, _ = self.simulator.reset(seed=seed)
        return observation

    def be_at(self, moments: list[Moment]) -> None:
        """Brings the simulator to the end of a list of moments, by playing them again where it is elsewhere."""
        if self.simulator is not None and self.steps == len(moments) - 1:
            return
        observation = self.reset(self.seed)
        for moment in moments[:-1]:
            assert moment.action is not None
            observation, *_ = self.step(moment.action)
        self.differs = packed(observation) != packed(moments[-1].observation)

    def step(self, action: NDArray[np.float32]) -> tuple[Observation, float, bool, bool]:
        """What comes of an action `[A]`. A simulator that fails is given up, and made anew when it is needed.

        Raises:
            EnvironmentFault: where it fails.
        """
        assert self.simulator is not None
        try:
            observation, reward, terminated, truncated, _ = self.simulator.step(action)
        except Exception:
            self.close()
            raise
        self.steps += 1
        return observation, float(reward), terminated, truncated

    def drawn(self) -> NDArray[np.uint8] | None:
        """What the simulator draws of where it is."""
        if not self.draw or self.simulator is None:
            return None
        return frame(self.simulator.render())

    def close(self) -> None:
        """Ends the simulator."""
        if self.simulator is not None:
            self.simulator.close()
        self.simulator = None
