"""An algorithm and an environment of one's own: files in a folder, and the command. Nothing of ours is touched."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

OWN = {
    "own.py": '''
"""A linear model, a planner that tries constant actions, and a known reward."""

import torch
from torch import nn

from fulgurite.models.dynamics import Dynamics
from fulgurite.planners.planner import Plan, Planner


class Linear(Dynamics):
    """s' = s + W [s, a], fitted by least squares; no uncertainty."""

    def __init__(self, observation_size: int, action_size: int, learning_rate: float = 1e-2) -> None:
        super().__init__(learning_rate=learning_rate)
        self.change = nn.Linear(observation_size + action_size, observation_size)

    def sample_parameters(self, particles, generator=None):
        return None

    def step(self, state, action, theta, noise):
        return state + self.change(torch.cat([state, action], -1))

    def predict(self, state, action, theta):
        mean = self.step(state, action, theta, None)
        return torch.distributions.Independent(torch.distributions.Normal(mean, torch.ones_like(mean)), 1)

    def loss(self, batch):
        error = self.step(batch["state"], batch["action"], None, None) - batch["next", "state"]
        return {"dynamics": error.square().sum(-1).mean()}


class Constant(Planner):
    """The best of N plans that repeat one action."""

    def __init__(self, candidates: int = 9, horizon: int = 4) -> None:
        super().__init__(horizon, initial_std=1.0)
        self.candidates = candidates

    def plan(self, objective, prior, generator=None):
        B, H, A = prior.mean.shape
        actions = torch.linspace(-1, 1, self.candidates)[None, :, None, None].expand(B, -1, H, A)
        best = objective(actions).argmax(1)
        chosen = actions[torch.arange(B), best]
        return Plan(chosen, chosen, prior.std)


def closeness(state, action, next_state, *, sharpness: float = 1.0):
    return -sharpness * next_state[..., 0].square()
''',
    "toy.py": '''
"""A cart without friction that should stand at zero."""

import gymnasium
import numpy as np


class Toy(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,))
    action_space = gymnasium.spaces.Box(-2.0, 2.0, (1,))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1, 1, 2).astype(np.float32)
        return self.state, {}

    def step(self, action):
        position, speed = self.state
        speed = 0.9 * speed + 0.2 * action[0]
        self.state = np.array([position + 0.2 * speed, speed], np.float32)
        return self.state, -float(self.state[0] ** 2), False, False, {}


gymnasium.register("Toy-v0", Toy, max_episode_steps=20)
''',
    "own.yaml": """
# A recipe outside the package.
defaults: [base]
environment: {id: "toy:Toy-v0"}
experience:
  max_env_steps: 120
  warmup_env_steps: 40
  env_steps_per_collection: 40
  base_policy: {_target_: RandomAgent}
  batch_size: 16
  updates_per_epoch: 10
  updates_per_call: 10
  schedule: {updates_per_env_step: 1, first_updates: 50}
agent:
  _target_: MPC
  world_model:
    dynamics: {_target_: own.Linear, learning_rate: 0.02}
    reward: {_target_: own.closeness, sharpness: 2.0}
  planner: {_target_: own.Constant, candidates: 5}
  objective: {particles: 1}
evaluation: {episodes: 2}
callbacks: {video: null, plots: null}
logger: null
trainer: {accelerator: cpu}
""",
}


def command(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fulgurite", *words], cwd=folder, capture_output=True, text=True, timeout=240
    )


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    folder = tmp_path / "lab"
    folder.mkdir()
    for name, text in OWN.items():
        (folder / name).write_text(text)
    return folder


def test_own_classes_and_an_own_environment_train_and_resume_by_the_command(lab: Path) -> None:
    checked = command(lab.parent, "check", "lab/own.yaml")
    assert (checked.returncode, checked.stdout) == (0, "lab/own.yaml: ok\n"), checked.stderr

    trained = command(lab, "train", "own.yaml", "agent.planner.horizon=3")
    assert trained.returncode == 0, trained.stderr
    (run,) = (lab / "runs" / "own").iterdir()
    result = json.loads((run / "result.json").read_text())
    assert (result["status"], result["env_steps"]) == ("completed", 120)
    assert result["gradient_steps"] > 50
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [row["loss/dynamics"] for row in rows if row.get("loss/dynamics") is not None]
    assert losses[-1] < losses[0]

    # from another working folder: the classes are found beside the recipe that the run was made from
    resumed = command(lab.parent, "resume", str(run.relative_to(lab.parent)), "experience.max_env_steps=160")
    assert resumed.returncode == 0, resumed.stderr
    assert json.loads((run / "result.json").read_text())["env_steps"] == 160


def test_a_mistake_in_an_own_class_is_found_before_torch_is_loaded(lab: Path) -> None:
    done = command(lab, "train", "own.yaml", "agent.planner.candidate=5", "agent.planner=own.Constants")
    line = "command line: agent.planner: own has no 'Constants'; did you mean 'Constant'?\n"
    assert done.returncode == 3
    assert line in done.stderr
    done = command(lab, "train", "own.yaml", "agent.planner.candidate=5")
    line = "command line: agent.planner.candidate: Constant takes no 'candidate'; did you mean 'candidates'?\n"
    assert (done.returncode, done.stdout, done.stderr) == (3, "", line)
    assert not (lab / "runs").exists()


def test_an_environment_that_is_not_registered_is_refused_in_one_line(lab: Path) -> None:
    done = command(lab, "check", "own.yaml", "environment.id=toy:Toi-v0", "--deep")
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("own.yaml: environment: Environment: environment toy:Toi-v0: ")
