"""Environments: one convention, partial resets, faults that stop the run, and what is said when one cannot be made."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from tensordict import TensorDict
from torchrl.envs import EnvBase, InitTracker, TransformedEnv
from torchrl.envs.utils import check_env_specs

from fulgurite.data.environments import Environment
from fulgurite.data.episodes import EnvironmentFault
from fulgurite.data.mujoco_setting import warn


class Lengths(gymnasium.Env):
    """Observes the step number and a count of resets; an episode takes as many steps as its first action says.

    Terminated where that is odd, truncated where it is even.
    """

    def __init__(self) -> None:
        self.action_space = spaces.Box(0, 10, (1,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.resets = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict]:
        self.steps, self.length = 0, 0
        self.resets += 1
        return np.array([0, self.resets], np.float32), {"not stackable": object()}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        self.length = self.length or round(float(action[0]))
        self.steps += 1
        over = self.steps == self.length
        odd = self.length % 2 == 1
        info = {"not stackable": [None] * self.steps}
        return np.array([self.steps, self.resets], np.float32), 1.0, over and odd, over and not odd, info


class NanAtThree(Lengths):
    """The reward of the third step is not a number."""

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        observation, reward, *rest = super().step(action)
        return observation, float("nan") if self.steps == 3 else reward, *rest


gymnasium.register("tests/Lengths-v0", Lengths)
gymnasium.register("tests/NanAtThree-v0", NanAtThree)


def act(env: EnvBase, td: TensorDict, lengths: list[int]) -> tuple[Any, Any]:
    td["action"] = torch.tensor(lengths)[:, None] / 5 - 1.0
    return env.step_and_maybe_reset(td)


@pytest.mark.parametrize(
    "id",
    [
        "Pendulum-v1",
        "fulgurite/CartPoleBalance-v0",
        "HalfCheetah-v5",
        "dm_control/cartpole-swingup",
        "CartPole-v1",
        "FrozenLake-v1",
    ],
)
@pytest.mark.parametrize("num_envs", [1, 3])
def test_every_environment_has_the_same_entries(id: str, num_envs: int) -> None:
    environment = Environment(id, num_envs=num_envs)
    env = environment.make(0)
    check_env_specs(env)
    td = env.rollout(3, break_when_any_done=False)
    size = (num_envs, 3)
    assert td["observation"].shape == td["next", "observation"].shape == (*size, environment.observation_size)
    assert td["action"].shape == (*size, environment.action_size)
    assert td["observation"].dtype == td["action"].dtype == td["next", "reward"].dtype == torch.float32
    for key in ("reward", "terminated", "truncated", "done"):
        assert td["next", key].shape == (*size, 1)
    assert env.action_spec.space.low.unique() == (0 if environment.discrete_actions else -1)
    assert env.action_spec.space.high.unique() == 1
    assert len(env.simulators) == num_envs
    env.close()


def test_only_the_environments_that_are_done_are_reset() -> None:
    env = TransformedEnv(Environment("tests/Lengths-v0", num_envs=3).make(0), InitTracker())
    lengths = [1, 2, 9]
    td = env.reset()
    seen, starts, ends = [], [], []
    for _ in range(5):
        starts.append(td["is_init"][:, 0].tolist())
        step, td = act(env, td, lengths)
        seen.append(step["next", "observation"].tolist())  # [step, resets so far]
        ends.append([(row["terminated"].item(), row["truncated"].item()) for row in step["next"]])
        done = step["next", "done"]
        assert torch.equal(done, step["next", "terminated"] | step["next", "truncated"])
        assert torch.equal(td["is_init"], done)
        assert not td["done"].any()
        # what was seen last stays in the record, what follows is the reset's, or the same where nothing ended
        assert torch.equal(td["observation"][:, 0], torch.where(done, 0.0, step["next", "observation"][:, :1])[:, 0])
    first, second, third = zip(*seen, strict=True)
    assert first == ([1, 1], [1, 2], [1, 3], [1, 4], [1, 5])
    assert second == ([1, 1], [2, 1], [1, 2], [2, 2], [1, 3])
    assert third == ([1, 1], [2, 1], [3, 1], [4, 1], [5, 1])
    assert starts[0] == [True, True, True]
    assert [row[1] for row in starts] == [True, False, True, False, True]
    assert [row[0] for row in ends] == [(True, False)] * 5
    assert [row[1] for row in ends] == [(False, False), (False, True)] * 2 + [(False, False)]
    assert [row[2] for row in ends] == [(False, False)] * 5


def test_a_whole_reset_may_come_with_a_tensordict() -> None:
    env = Environment("tests/Lengths-v0", num_envs=2).make(0)
    _, td = act(env, env.reset(), [5, 5])
    assert env.reset(td)["observation"].tolist() == [[0, 2], [0, 2]]


def test_nothing_comes_back_from_a_faulty_step() -> None:
    env = Environment("tests/NanAtThree-v0", num_envs=2, max_faults=0).make(0)
    td = env.reset()
    for _ in range(2):
        _, td = act(env, td, [9, 9])
    before = td.clone()
    seed = env.simulators[0].state()["seed"]
    says = rf"tests/NanAtThree-v0, episode with seed {seed}, step 3: reward: expected a finite float32, got nan"
    with pytest.raises(EnvironmentFault, match=says):
        act(env, td, [9, 9])
    assert set(td.keys()) == {*before.keys(), "action"}
    assert torch.equal(td["observation"], before["observation"])


def test_the_time_limit_counts_simulator_steps() -> None:
    env = Environment("Pendulum-v1", action_repeat=4, max_episode_steps=12).make(0)
    assert env.rollout(50)["next", "truncated"][0, :, 0].tolist() == [False, False, True]


def test_whether_it_renders_is_known_before() -> None:
    assert Environment("Pendulum-v1").renders
    blind = Environment("tests/Lengths-v0")
    assert not blind.renders
    with pytest.raises(ValueError, match="environment tests/Lengths-v0: draws no frames"):
        blind.make_single(0, render=True)


def test_options_reach_the_constructor() -> None:
    lighter = Environment("Pendulum-v1", options={"g": 0.0}).make_single(0)
    assert lighter.unwrapped.g == 0.0  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("id", "says"),
    [
        ("Pendulm-v1", "environment Pendulm-v1: .* Did you mean: `Pendulum`"),
        ("no_such_module:Mine-v0", "environment no_such_module:Mine-v0: .*no_such_module"),
        ("dm_control/cartpole-run", "cartpole-run: .*cartpole has balance"),
        ("dm_control/cart-swingup", "the domains are acrobot"),
    ],
)
def test_an_environment_that_cannot_be_made_says_why(id: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Environment(id).make(0)


def test_an_unknown_option_says_so() -> None:
    with pytest.raises(ValueError, match=r"environment Pendulum-v1: .*unexpected keyword argument 'gravity'"):
        Environment("Pendulum-v1", options={"gravity": 3}).make(0)


@pytest.mark.parametrize("numbers", [{"num_envs": 0}, {"action_repeat": 0}, {"max_episode_steps": -1}])
def test_numbers_below_one_are_refused(numbers: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(numbers))}: need at least 1"):
        Environment("Pendulum-v1", **numbers)  # type: ignore[arg-type]


def run(script: str) -> None:
    """Runs a script in a process of its own."""
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "MUJOCO_GL")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environ)
    assert done.returncode == 0, done.stderr


MISSING = """
import sys
sys.modules['mujoco'] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name == 'dm_control' else found(name, package)
from fulgurite.data.environments import Environment
from fulgurite.recipe_error import MissingExtra

for id, extra in {'HalfCheetah-v5': 'mujoco', 'dm_control/cheetah-run': 'dmc'}.items():
    try:
        Environment(id).make_single(0)
    except MissingExtra as error:
        assert f"pip install 'fulgurite[{extra}]'" in str(error), error
    else:
        raise AssertionError(id)
Environment('Pendulum-v1').make_single(0).reset()
"""


def test_a_missing_extra_is_named() -> None:
    run(MISSING)


def test_mujoco_leaves_no_log_in_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Environment("HalfCheetah-v5").make(0).close()  # its XML makes MuJoCo warn
    assert not list(tmp_path.iterdir())


def test_mujocos_warnings_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    warn("Nan, Inf or huge value in QACC")
    warn("compiler attribute is deprecated")
    assert caplog.messages == ["MuJoCo: Nan, Inf or huge value in QACC"]


FRAMES = """
from fulgurite.data.environments import Environment

for id in ('Pendulum-v1', 'HalfCheetah-v5', 'dm_control/cheetah-run'):
    env = Environment(id).make_single(0, render=True)
    env.reset()
    frame = env.render()
    env.close()
    assert frame.ndim == 3 and frame.shape[2] == 3 and frame.dtype == 'uint8' and frame.std() > 5, id
"""


def test_frames_are_drawn_without_a_display() -> None:
    run(FRAMES)
