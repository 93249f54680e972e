"""mbrl-lib's PETS on cart-pole until three 200s in a row: `mbrl.algorithms.pets.train`. Argument: seed.

Its own environment and YAML values, but 100 candidates, 3 iterations and 5 particles.
"""

import json
import sys
import tempfile
from time import process_time

import gymnasium
import mbrl.algorithms.pets
import mbrl.env.cartpole_continuous
import mbrl.env.reward_fns
import mbrl.env.termination_fns
import numpy as np
import torch
from mbrl_parts import config


class Solved(Exception):
    """Three episodes in a row lasted 200 steps."""


class Trials(gymnasium.Wrapper):
    """Keeps the returns, and stops the run once it is solved. The random exploration at the start counts too."""

    def __init__(self, env):
        super().__init__(env)
        self.returns, self.steps, self.total = [], 0, 0.0

    def reset(self, **options):
        self.total = 0.0
        return self.env.reset(**options)

    def step(self, action):
        observation, reward, terminated, truncated, info = self.env.step(action)
        self.total += reward
        self.steps += 1
        if terminated or truncated:
            self.returns.append(self.total)
            if len(self.returns) >= 3 and min(self.returns[-3:]) >= 200:
                raise Solved
        return observation, reward, terminated, truncated, info


seed = int(sys.argv[1])
np.random.seed(seed)
torch.manual_seed(seed)
cfg = config(population=100, iterations=3, particles=5, seed=seed)
env = Trials(gymnasium.wrappers.TimeLimit(mbrl.env.cartpole_continuous.CartPoleEnv(), 200))
env.reset(seed=seed)
env.action_space.seed(seed + 2)
termination, reward = mbrl.env.termination_fns.cartpole, mbrl.env.reward_fns.cartpole
solved = False
with tempfile.TemporaryDirectory() as folder:
    try:
        mbrl.algorithms.pets.train(env, termination, reward, cfg, silent=True, work_dir=folder)
    except Solved:
        solved = True
result = {"solved": solved, "env_steps": env.steps, "cpu_seconds": process_time(), "returns": env.returns}
print(json.dumps(result))
