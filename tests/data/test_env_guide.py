"""The guide to own environments does what it says: its blocks, in a folder of one's own, train through the command."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from documents import files

from fulgurite.data.environments import Environment
from fulgurite.data.pixels import Pixels

GUIDE = Path(__file__).parents[2] / "docs" / "own_environment.md"
SMALL = [
    "experience.max_env_steps=60",
    "experience.warmup_env_steps=20",
    "experience.env_steps_per_collection=20",
    "experience.schedule.first_updates=100",
    "experience.schedule.updates_per_env_step=5",
    "agent.world_model.dynamics.hidden=[16]",
    "agent.planner.candidates=20",
    "agent.planner.elites=4",
    "agent.planner.iterations=1",
    "agent.planner.horizon=5",
    "evaluation.episodes=2",
    "callbacks.video=null",
    "callbacks.plots=null",
    "logger=null",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide's files in a folder."""
    folder = tmp_path_factory.mktemp("mine")
    for name, text in files(GUIDE).items():
        (folder / name).write_text(text)
    return folder


def fulgurite(folder: Path, *arguments: str) -> str:
    environ = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""}
    command = [sys.executable, "-m", "fulgurite", *arguments]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_guides_commands_are_the_commands() -> None:
    assert "fulgurite check --deep spring.yaml" in GUIDE.read_text()
    assert "fulgurite train spring.yaml" in GUIDE.read_text()


def test_the_guides_recipe_trains(folder: Path) -> None:
    fulgurite(folder, "train", "spring.yaml", *SMALL)
    (result,) = (folder / "runs" / "spring").glob("*/result.json")
    assert json.loads(result.read_text())["status"] == "completed"


def test_the_guides_learned_reward_and_termination_fit_their_slots(folder: Path) -> None:
    assert "ok" in fulgurite(folder, "check", "--deep", "learned.yaml")


def test_the_guides_wrappers_fit_their_slots(folder: Path) -> None:
    assert "ok" in fulgurite(folder, "check", "sights.yaml")
    assert "ok" in fulgurite(folder, "check", "night.yaml")


def test_the_guides_own_wrapper_fades_what_is_seen(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(folder))
    wrapper = importlib.import_module("night").Night(half_life=2.0)
    wrappers = {"pixels": Pixels(16), "night": wrapper}
    for isolated in (False, True):
        env = Environment("Pendulum-v1", isolated=isolated, wrappers=wrappers).make_single(0)
        first, _ = env.reset(seed=0)
        corners = [first[0, 0, 0], *(env.step(np.zeros(1, np.float32))[0][0, 0, 0] for _ in range(4))]  # type: ignore[index]
        assert corners == [255, 180, 127, 90, 63]  # white, halved every other step
        env.close()
