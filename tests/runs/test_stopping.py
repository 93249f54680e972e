"""A run that is asked to stop, in whatever it does, leaves a checkpoint from which it ends bitwise as it would have."""

import os
import signal
import subprocess
import sys
import time

import pytest
import pytorch_lightning as pl
import torch
from tiny import tiny_experiment

from fulgurite.callbacks.evaluate_agent import EvaluateAgent
from fulgurite.callbacks.model_error import ModelError
from fulgurite.callbacks.save_checkpoint import SaveCheckpoint
from fulgurite.runs import metrics, prediction_error, stopping
from fulgurite.runs.checkpoint import latest
from fulgurite.runs.difference import difference


@pytest.fixture(autouse=True)
def _nobody_asks():
    yield
    stopping.forget()


class AskInFit(pl.Callback):
    """After so many calls of an epoch of updates."""

    def __init__(self, env_steps, calls):
        self.env_steps = env_steps
        self.calls = calls

    def on_train_epoch_start(self, trainer, pl_module):
        if trainer.datamodule.env_steps == self.env_steps and self.calls == 0:
            stopping.ask()

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.datamodule.env_steps == self.env_steps and batch_idx == self.calls - 1:
            stopping.ask()


def watched(callbacks=None):
    experiment = tiny_experiment()
    experiment.callbacks = {
        "evaluate": EvaluateAgent(experiment.evaluation, every_env_steps=20, interim_episodes=1),
        **(callbacks or {}),
        "save": SaveCheckpoint(1000),
    }
    return experiment


def ask_at_plan(experiment, number):
    """In the middle of whatever makes plan number 0, 1, ..."""
    planner, calls = experiment.agent.planner, []
    plan = planner.plan

    def counted(*arguments):
        calls.append(experiment.experience.env_steps)
        if len(calls) == number + 1:
            stopping.ask()
        return plan(*arguments)

    planner.plan = counted
    return calls


def places():
    """At which plans the run is evaluating and at which it is collecting: the number of the middle one of each."""
    experiment = watched()
    calls, phases = ask_at_plan(experiment, 10**9), []
    collect = experiment.experience.collect

    def collecting():
        first = len(calls)
        rows = collect()
        phases.append((first, len(calls)))
        return rows

    experiment.experience.collect = collecting
    return experiment, calls, phases


def ask_in_warmup(experiment, step):
    """At a step of the warm-up, which plans nothing."""
    policy, calls = experiment.experience.base_policy, []
    forward = policy.forward

    def counted(td):
        calls.append(td)
        if len(calls) == step:
            stopping.ask()
        return forward(td)

    policy.forward = counted


ENV_STEPS = {"first steps": 0, "warm-up": 20, "first fit": 40, "fit": 60, "collect": 60, "evaluate": 80}
ENV_STEPS |= {"begun fit": 60, "late fit": 60, "done fit": 60}
CALLS = {"begun fit": 0, "late fit": 3, "done fit": 4}  # of an epoch's four; the other fits stop in the middle


@pytest.mark.parametrize("where", list(ENV_STEPS))
def test_nothing_is_lost_by_a_stop(where, tmp_path):
    whole, calls, collections = places()
    whole.fit(tmp_path / "whole")
    first, last = collections[-1]
    assert last - first >= 5
    stopped = watched({"ask": AskInFit(ENV_STEPS[where], CALLS.get(where, 2))} if where.endswith("fit") else None)
    if where in ("first steps", "warm-up"):
        ask_in_warmup(stopped, ENV_STEPS[where] // 2 + 4)  # of two environments
    if where == "collect":
        ask_at_plan(stopped, (first + last) // 2)
    if where == "evaluate":
        ask_at_plan(stopped, last + 2)
        assert len(calls) > last + 10
    run = tmp_path / "stopped"
    result = stopped.fit(run)
    assert result["status"] == "interrupted"
    assert result["env_steps"] == ENV_STEPS[where]
    if where.endswith("fit"):
        assert result["gradient_steps"] % 20 == 5 * CALLS.get(where, 2) % 20
    stopping.forget()

    resumed = watched()
    with torch.no_grad():
        for parameter in resumed.agent.parameters():
            parameter.add_(1.0)  # whatever it was built with does not matter
    assert resumed.fit(run, latest(run))["status"] == "completed"
    for name, value in whole.agent.state_dict().items():
        assert torch.equal(value, resumed.agent.state_dict()[name]), name
    assert (whole.experience.dataset.buffer[:] == resumed.experience.dataset.buffer[:]).all()
    assert torch.equal(whole.agent.generator.get_state(), resumed.agent.generator.get_state())
    assert difference(tmp_path / "whole", run, in_order=False) is None


def with_model_error(ask=None):
    """It looks twice as often as the evaluation, whose episodes it starts from."""
    experiment = tiny_experiment()
    experiment.callbacks = {
        "evaluate": EvaluateAgent(experiment.evaluation, every_env_steps=40),
        "model_error": ModelError((1, 2), particles=2, starts=8, every_env_steps=20),
        **({"ask": ask} if ask else {}),
        "save": SaveCheckpoint(1000),
    }
    return experiment


@pytest.mark.parametrize("env_steps", [None, 60, 80])
def test_the_evaluations_episodes_are_still_there_when_a_run_resumes(env_steps, tmp_path, monkeypatch):
    """Asked while updates are made between the two, or while the model is held against the episodes."""
    whole = with_model_error()
    whole.fit(tmp_path / "whole")
    stopped = with_model_error(AskInFit(60, 2) if env_steps is None else None)
    measured = prediction_error.predictions

    def asking(*arguments):
        if stopped.experience.env_steps == env_steps:
            stopping.ask()
        return measured(*arguments)

    monkeypatch.setattr(prediction_error, "predictions", asking)
    assert stopped.fit(tmp_path / "stopped")["status"] == "interrupted"
    stopping.forget()
    monkeypatch.undo()
    resumed = with_model_error()
    assert resumed.fit(tmp_path / "stopped", latest(tmp_path / "stopped"))["status"] == "completed"
    assert difference(tmp_path / "whole", tmp_path / "stopped", in_order=False) is None


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_the_command_saves_and_says_how_to_go_on(number, code, tmp_path):
    words = "experience.max_env_steps=100000", "callbacks.video=null", "logger=null", "evaluation.episodes=1"
    process = subprocess.Popen(
        [sys.executable, "-m", "fulgurite", "train", "pets/cartpole", *words],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    try:
        deadline = time.monotonic() + 120
        while not any(
            row["gradient_steps"] > 0 for found in tmp_path.rglob("metrics.jsonl") for row in metrics.read(found.parent)
        ):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        asked = time.monotonic()
        process.send_signal(number)
        _, complaints = process.communicate(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - asked < 30
    assert process.returncode == code
    assert "stopped; continue with: fulgurite resume" in complaints
    (run,) = [path.parent for path in tmp_path.rglob("result.json")]
    assert latest(run) is not None
