"""Videos: a real file of the right length, and no harm where nothing can be drawn."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from watched import LinearGaussian, Replayed, Run, Still, counting, next_state_is_reward

from fulgurite.agents.mpc import MPC
from fulgurite.callbacks.episode_video import EpisodeVideo
from fulgurite.callbacks.evaluate_agent import EvaluateAgent
from fulgurite.data.environments import Environment
from fulgurite.data.play import play
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.objective import Objective
from fulgurite.planners.random_shooting import RandomShooting
from fulgurite.runs import stopping
from fulgurite.runs.film import curves


class Camera:
    """An environment that draws its step count as a grey level."""

    id = "Camera-v0"
    action_repeat = 2
    renders = True
    metadata = {"render_fps": 20}  # noqa: RUF012

    def __init__(self, broken: bool = False) -> None:
        self.broken, self.step_count, self.made, self.closed = broken, 0, 0, 0

    def make_single(self, seed: int, render: bool = False) -> "Camera":
        assert render
        self.made += 1
        return self

    def reset(self, seed: int) -> None:
        self.step_count = 0

    def step(self, action: np.ndarray) -> tuple:
        assert action == 1
        self.step_count += 1
        return None, 0.0, False, False, {}

    def render(self) -> np.ndarray:
        if self.broken:
            raise RuntimeError("an OpenGL platform library has not been loaded")
        return np.full((30, 40, 3), 10 * self.step_count, np.uint8)

    def close(self) -> None:
        self.closed += 1


def filmed(folder: Path, camera: Any, T: int = 20, agent: Any = None, **options: Any) -> list[Path]:
    """The videos of a run that ends after 700 steps."""
    H = 3
    replayed = Replayed(counting(T, plan=torch.ones(T, H, 1)))
    replayed.environment = camera
    run = Run(folder, EvaluateAgent(replayed, every_env_steps=300), EpisodeVideo(**options))  # type: ignore[arg-type]
    for env_steps in (300, 500, 700):
        run.go(env_steps, agent or Still(None))
    run.end(agent or Still(None))
    return sorted((folder / "videos").glob("*"))


def test_one_video_at_the_end(tmp_path: Path) -> None:
    camera = Camera()
    (path,) = filmed(tmp_path, camera, width=80)
    assert path.name == "step-700.gif"
    assert camera.closed == camera.made == 1
    with Image.open(path) as video:
        assert video.n_frames == 21  # the start and 20 steps
        assert video.width == 80
        assert video.info["duration"] == 100  # ms: 20 frames a second, two to a step
        assert video.info["loop"] == 0


def test_the_frames_are_the_episodes(tmp_path: Path) -> None:
    (path,) = filmed(tmp_path, Camera(), width=80)
    with Image.open(path) as video:
        for step in (0, 7, 20):
            video.seek(step)
            assert video.convert("RGB").getpixel((40, 40))[0] == pytest.approx(10 * step, abs=6)  # type: ignore[index]


def test_more_often_when_asked(tmp_path: Path) -> None:
    assert [path.stem for path in filmed(tmp_path, Camera(), every_env_steps=300)] == ["step-300", "step-700"]


def test_long_episodes_are_thinned_out_and_sped_up(tmp_path: Path) -> None:
    (path,) = filmed(tmp_path, Camera(), T=20, max_frames=8, max_seconds=1.0)
    with Image.open(path) as video:
        assert video.n_frames == 8  # 0, 3, ..., 18, 20
        assert video.info["duration"] == pytest.approx(1000 / 8, abs=10)


def test_a_stop_gives_it_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Asking(Camera):
        def step(self, action: np.ndarray) -> tuple:
            if self.step_count == 2:
                stopping.ask()
            return super().step(action)

    camera = Asking()
    try:
        assert filmed(tmp_path, camera) == []
    finally:
        stopping.forget()
    assert (camera.step_count, camera.made, camera.closed) == (3, 1, 1)
    assert caplog.messages == []


def test_a_machine_that_cannot_draw_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    camera = Camera(broken=True)
    with caplog.at_level(logging.WARNING):
        assert filmed(tmp_path, camera, every_env_steps=300) == []
    assert [record.message for record in caplog.records] == [
        "No video: Camera-v0 cannot be drawn here (RuntimeError: an OpenGL platform library has not been loaded). "
        "On a Debian machine without a display: apt-get install libegl1 libgl1-mesa-dri"
    ]
    assert camera.closed == camera.made == 1


def test_a_task_without_frames_is_no_matter_of_the_machine(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    camera = Camera()
    camera.renders = False
    with caplog.at_level(logging.WARNING):
        assert filmed(tmp_path, camera, every_env_steps=300) == []
    line = "No video: Camera-v0 draws no frames; its render_modes would have to name rgb_array"
    assert [record.message for record in caplog.records] == [line]
    assert not camera.made


def test_without_an_evaluation_there_is_none(tmp_path: Path) -> None:
    run = Run(tmp_path, EpisodeVideo())
    run.end(Still(None))
    assert not (tmp_path / "videos").exists()


def test_a_planning_agent_shows_what_it_was_promised() -> None:
    world = WorldModel(LinearGaussian(), next_state_is_reward)
    agent = MPC(world, RandomShooting(horizon=3), action_size=1, objective=Objective(particles=2))
    (episode,) = Replayed(counting(5, plan=torch.ones(5, 3, 1))).episodes
    promised, realised = curves(agent, episode)
    assert np.asarray(promised.values).tolist() == np.asarray(realised.values).tolist() == [6, 9, 12]
    (so_far,) = curves(Still(None), episode)
    assert np.asarray(so_far.values).tolist() == [0, 1, 3, 6, 10, 15]


def test_a_real_environment_is_replayed_as_it_was(tmp_path: Path) -> None:
    environment = Environment("Pendulum-v1", max_episode_steps=6)
    replayed = Replayed()
    replayed.environment = environment
    replayed.episodes = play(environment, Still(None), [3])
    run = Run(tmp_path, EvaluateAgent(replayed), EpisodeVideo(width=64))  # type: ignore[arg-type]
    run.go(500, Still(None))
    run.end(Still(None))
    with Image.open(tmp_path / "videos" / "step-500.gif") as video:
        assert video.n_frames == 7
        assert np.asarray(video.convert("RGB")).std() > 5
