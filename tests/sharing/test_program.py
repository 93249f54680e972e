"""A policy as a program of PyTorch's own gives the same actions; a planner is refused in a line."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensordict import TensorDictBase
from torch import Tensor
from untrained_run import CARTPOLE, DISCRETE, untrained_run

from fulgurite.agents.policy_agent import PolicyAgent
from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.policies.categorical import CategoricalPolicy
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.recipe import build, compose
from fulgurite.sharing.load import load
from fulgurite.sharing.loaded import LoadedPolicy
from fulgurite.sharing.program import program, save_program


class Reactive(PolicyAgent):
    def value(self, state: Tensor) -> Tensor:
        return state[..., 0]

    def loss(self, batch: TensorDictBase) -> dict[str, Tensor]:
        return {}


def loaded(environment: Environment, world_model=None, discrete: bool = False) -> LoadedPolicy:
    torch.manual_seed(0)
    policy = CategoricalPolicy((16,), output_scale=1.0) if discrete else SquashedGaussianPolicy((16,))
    shape, size = environment.observation_shape, environment.action_size
    agent = Reactive(policy, shape, size, discrete, world_model, 0.99)
    native = environment.native()
    return LoadedPolicy(agent, environment, native.observation_space, native.action_space)


@pytest.mark.parametrize("name", ["Pendulum-v1", "CartPole-v1"])
def test_the_file_gives_the_same_actions_without_fulgurite(tmp_path: Path, name: str) -> None:
    policy = loaded(Environment(name), discrete=name == "CartPole-v1")
    path = save_program(policy, tmp_path)
    observations = np.random.default_rng(1).normal(size=(5, *policy.observation_space.shape)).astype(np.float32)
    np.save(tmp_path / "observations.npy", observations)
    code = """
import sys, numpy, torch
step = torch.export.load("policy.pt2").module()
observations = torch.as_tensor(numpy.load("observations.npy"))
actions, memory = step(observations, torch.ones(len(observations), 1, dtype=torch.bool), ())
assert memory == () and "fulgurite" not in sys.modules
numpy.save("actions.npy", actions.numpy())
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=path.parent, check=True, timeout=120)
    np.testing.assert_allclose(np.load(tmp_path / "actions.npy"), policy(observations), atol=1e-6)


def test_what_it_remembers_goes_in_and_out() -> None:
    composed = compose("planet/pendulum", ["callbacks=null", "logger=null"])
    environment = build(composed, "environment")
    policy = loaded(environment, build(composed, "agent").world_model)
    step = program(policy).module()
    memory = tuple(spec.zero((1,)) for spec in policy.agent.memory_spec.values(True, True))
    assert len(memory) == 3
    simulator = policy.environment()
    observation, _ = simulator.reset(seed=1)
    for t in range(4):
        action, memory = step(torch.as_tensor(observation)[None], torch.tensor([[t == 0]]), memory)
        ours = policy(observation)
        np.testing.assert_allclose(action[0].numpy(), ours, atol=1e-6)
        observation, *_ = simulator.step(ours)


@pytest.mark.parametrize(("text", "name"), [(CARTPOLE, "MPC"), (DISCRETE, "MCTS")])
def test_what_searches_is_refused(tmp_path: Path, text: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} searches at every step, by chance"):
        program(load(untrained_run(tmp_path / "run", text)))


def test_what_draws_is_refused() -> None:
    environment = Environment("Pendulum-v1")
    native = environment.native()
    spaces = native.observation_space, native.action_space
    with pytest.raises(ValueError, match="RandomAgent acts by chance"):
        program(LoadedPolicy(RandomAgent(1), environment, *spaces))

    class Noisy(Reactive):
        def forward(self, td: TensorDictBase) -> TensorDictBase:
            td = super().forward(td)
            td["action"] = td["action"] + torch.randn_like(td["action"])
            return td

    agent = Noisy(SquashedGaussianPolicy((4,)), (3,), 1, False, None, 0.99)
    with pytest.raises(ValueError, match=re.escape("Noisy acts by chance")):
        program(LoadedPolicy(agent, environment, *spaces))
