"""A secret in a recipe, through the command with W&B offline: it stays in `recipe.yaml` and gets nowhere else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fulgurite.data.environments import Environment

MODULE = """
import gymnasium
from gymnasium.envs.classic_control import PendulumEnv
class Keyed(PendulumEnv):
    def __init__(self, api_key, password=0, **rest):
        super().__init__(**rest)
        self.key, self.left = api_key, 60 if rest.get("g") == 9 else None
    def step(self, action):
        if self.left == 0:
            raise RuntimeError(f"no world for {self.key}")
        self.left = self.left and self.left - 1
        return super().step(action)
gymnasium.register("Keyed-v0", entry_point=Keyed, max_episode_steps=50)
"""
RECIPE = """
defaults: [pets/pendulum]
environment: {id: "keyed:Keyed-v0", options: {api_key: SESAME-file, password: 80912345}}
experience:
  max_env_steps: 100
  warmup_env_steps: 50
  env_steps_per_collection: 50
  schedule: {first_updates: 10, updates_per_env_step: 0.2}
agent:
  planner: {candidates: 8, elites: 2, iterations: 1, horizon: 3}
  world_model: {dynamics: {hidden: [8], members: 2}}
evaluation: {episodes: 1}
callbacks: {video: null, plots: null}
"""
SECRETS = (b"SESAME", b"80912345")


def command(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1", **variables}
    call = [sys.executable, "-m", "fulgurite", *words]
    return subprocess.run(call, cwd=folder, env=environment, capture_output=True, text=True, timeout=250)


def holding(folder: Path) -> set[str]:
    """The names of the files that hold a secret, uncompressed."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) > 8
    return {path.name for path in files if any(secret in path.read_bytes() for secret in SECRETS)}


def test_a_secret_stays_in_the_recipe(tmp_path: Path) -> None:
    (tmp_path / "keyed.py").write_text(MODULE)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    done = command(tmp_path, "train", "mine.yaml", "environment.options.api_key=SESAME-line")
    assert done.returncode == 0, done.stderr
    assert not any(secret.decode() in done.stdout + done.stderr for secret in SECRETS)
    assert list((tmp_path / "runs").rglob("*.wandb"))
    assert holding(tmp_path / "runs") == {"recipe.yaml"}


def test_nor_does_the_failure_that_repeats_it(tmp_path: Path) -> None:
    (tmp_path / "keyed.py").write_text(MODULE)
    (tmp_path / "mine.yaml").write_text(RECIPE)
    words = (
        "environment.options.g=9",
        "environment.options.api_key=${oc.env:FULGURITE_KEY}",
        "environment.max_faults=0",
    )
    done = command(tmp_path, "train", "mine.yaml", *words, FULGURITE_KEY="SESAME-variable")
    assert done.returncode == 1
    assert "no world for <redacted>" in done.stderr
    assert list((tmp_path / "runs").rglob("*.wandb"))
    assert not any(secret.decode() in done.stdout + done.stderr for secret in SECRETS)
    assert holding(tmp_path / "runs") == {"recipe.yaml"}
    (result,) = (tmp_path / "runs").rglob("result.json")
    assert "no world for <redacted>" in json.loads(result.read_text())["reason"]


def test_an_error_does_not_repeat_it() -> None:
    """Gymnasium's own words for a wrong option list all options with their values."""
    with pytest.raises(ValueError, match="unexpected keyword argument 'api_key'") as caught:
        _ = Environment("Pendulum-v1", options={"api_key": "SESAME"}).observation_size
    assert "SESAME" not in str(caught.value)
