"""An environment for other processes, which import it: `breakable:Breakable-v0`. It observes steps and actions.

And an agent for them.
"""

import time

import gymnasium
import numpy as np
import torch

from fulgurite.agents.agent import Agent


class Constant(Agent):
    """Acts by its one parameter, and by minus that while it is not trained."""

    def __init__(self) -> None:
        super().__init__()
        self.value = torch.nn.Parameter(torch.tensor(0.25))

    def forward(self, td):
        td["action"] = (self.value if self.training else -self.value).expand(*td.batch_size, 1).clone()
        return td


class Breakable(gymnasium.Env):
    """Ends after seven steps; breaks at a step of all its steps, in one way or another; may be like no other one."""

    action_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (3,), np.float32)

    def __init__(self, breaks_at: int = -1, sleeps_from: int = -1, drifts: bool = False) -> None:
        self.breaks_at, self.sleeps_from = breaks_at, sleeps_from
        self.drift = np.random.default_rng().uniform() if drifts else 0.0
        self.total = self.steps = 0
        self.start = 0.0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps, self.start = 0, self.np_random.uniform() + self.drift
        return np.array([0, self.start, 0], np.float32), {}

    def step(self, action):
        self.steps += 1
        self.total += 1
        if self.total == self.breaks_at:
            raise ZeroDivisionError("the simulator broke")
        if 0 <= self.sleeps_from <= self.total:
            time.sleep(100)
        observation = np.array([self.steps, self.start, action[0]], np.float32)
        return observation, float(action[0]), self.steps == 7, False, {}


gymnasium.register("Breakable-v0", Breakable)
