"""Runs whose environment fails, by the command and through a resume."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch
from tiny import tiny_experiment

from fulgurite.callbacks.save_checkpoint import SaveCheckpoint
from fulgurite.data.environments import Environment
from fulgurite.runs import metrics
from fulgurite.runs.checkpoint import latest

RECIPE = """
defaults: [pets/cartpole]
environment: {id: "fulgurite.selftest.faulty_environment:selftest/Faulty-v0", max_episode_steps: 40, max_faults: 20}
experience:
  max_env_steps: 240
  warmup_env_steps: 40
  env_steps_per_collection: 40
  batch_size: 8
  updates_per_epoch: 10
  updates_per_call: 5
  held_out_share: 0.3
  schedule: {updates_per_env_step: 0.25, first_updates: 20}
agent:
  world_model: {dynamics: {members: 2, elites: 1, hidden: [8]}}
  planner: {candidates: 8, elites: 2, iterations: 2, horizon: 3}
  objective: {particles: 2}
evaluation: {episodes: 3}
callbacks: {video: null, plots: null}
logger: null
"""


def train(folder: Path, *words: str) -> tuple[subprocess.CompletedProcess, dict, Path]:
    (folder / "mine.yaml").write_text(RECIPE)
    done = subprocess.run(
        [sys.executable, "-m", "fulgurite", "train", "mine.yaml", *words],
        cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    (run,) = [path.parent for path in folder.rglob("result.json")]
    return done, json.loads((run / "result.json").read_text()), run


def test_a_run_survives_an_environment_that_exits(tmp_path):
    options = "environment.options={way: exit, p: 0.02}"
    done, result, run = train(tmp_path, options, "environment.isolated=true", "environment.num_envs=2")
    assert done.returncode == 0, done.stderr[-3000:]
    assert result["status"] == "completed"
    assert result["env_steps"] == 240
    faults = [row["train/environment_faults"] for row in metrics.read(run) if "train/environment_faults" in row]
    assert faults == sorted(faults)
    said = [line for line in done.stderr.splitlines() if "its process ended with exit code 3" in line]
    assert len([line for line in said if "made anew" in line]) == faults[-1] > 0
    assert all("fulgurite.selftest.faulty_environment:selftest/Faulty-v0, episode with seed" in line for line in said)


def test_a_run_ends_with_an_environment_that_always_fails(tmp_path):
    done, result, _ = train(tmp_path, "environment.options={at: 5}", "environment.max_faults=2", "callbacks=null")
    assert done.returncode == 1
    assert result["status"] == "failed"
    assert "ZeroDivisionError: the simulator broke (fault 3 within 10,000 environment steps" in result["reason"]
    assert "step 5" in result["reason"]
    assert 'raise ZeroDivisionError("the simulator broke")' in done.stderr  # the line in the user's file


def faulty_experiment(callbacks=None):
    environment = Environment(
        "fulgurite.selftest.faulty_environment:selftest/Faulty-v0", 2, max_faults=50, options={"p": 0.08}
    )
    experiment = tiny_experiment(callbacks=callbacks)
    experiment.environment = experiment.experience.environment = environment
    return experiment


def test_a_run_with_faults_resumes_bit_by_bit(tmp_path):
    whole = faulty_experiment()
    whole.fit(tmp_path / "whole")
    first = faulty_experiment({"save": SaveCheckpoint(20)})
    first.experience.max_env_steps = 60
    first.fit(tmp_path / "run")
    resumed = faulty_experiment({"save": SaveCheckpoint(20)})
    resumed.fit(tmp_path / "run", latest(tmp_path / "run"))
    for name, value in whole.agent.state_dict().items():
        assert torch.equal(value, resumed.agent.state_dict()[name]), name
    rows = whole.experience.dataset.buffer[:]
    assert (rows == resumed.experience.dataset.buffer[:]).all()
    assert len(rows) < 80 == whole.experience.env_steps == resumed.experience.env_steps
    ends = [
        [row["train/environment_faults"] for row in metrics.read(tmp_path / name) if "train/environment_faults" in row]
        for name in ("whole", "run")
    ]
    assert ends[0][-1] == ends[1][-1] > ends[0][0] > 0
