"""A faulty environment stops the collection with its seed and step, and nothing of it enters the buffer."""

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.experience import Experience


class Breaking(gymnasium.Env):
    """Counts its steps; those past the `first`-th of all its steps are broken in one of several ways."""

    def __init__(self, way: str, first: int) -> None:
        self.action_space = spaces.Box(-1, 1, (1,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.way, self.first, self.steps = way, first, 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        return np.zeros(2, np.float32), {}

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict]:
        self.steps += 1
        observation, reward = np.full(2, self.steps, np.float32), 1.0
        if self.steps > self.first:
            match self.way:
                case "nan reward":
                    reward = float("nan")
                case "infinite observation":
                    observation[1] = np.inf
                case "wrong shape":
                    observation = np.zeros(3, np.float32)
                case "exception":
                    raise ZeroDivisionError("the simulator broke")
        return observation, reward, False, False, {}


gymnasium.register("tests/Breaking-v0", Breaking, max_episode_steps=10)


@pytest.mark.parametrize("way", ["nan reward", "infinite observation", "wrong shape", "exception"])
@pytest.mark.parametrize("num_envs", [1, 2])
def test_a_fault_stops_the_collection(way: str, num_envs: int) -> None:
    environment = Environment("tests/Breaking-v0", num_envs=num_envs, options={"way": way, "first": 26})
    experience = Experience(environment, RandomAgent(1), warmup_env_steps=0, env_steps_per_collection=20 * num_envs)
    experience.collect()
    kept = experience.dataset.buffer[:].clone()
    with pytest.raises(EnvironmentFault, match=r"tests/Breaking-v0, episode with seed \d+, step 7: ") as caught:
        experience.collect()
    third = np.random.SeedSequence([0, 0, 0, 2]).generate_state(1)[0]
    assert caught.value.seed == third
    assert len(experience.dataset) == 20 * num_envs
    assert (experience.dataset.buffer[:] == kept).all()
    assert torch.isfinite(kept["next", "reward"]).all()
    assert experience.env_steps == 20 * num_envs
