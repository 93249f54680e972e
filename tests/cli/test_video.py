"""`video`: files that can be opened, of any run."""

import json
from pathlib import Path

import pytest
from PIL import Image
from small_run import small_run

from fulgurite.cli import main

REST = """
environment: {max_episode_steps: 12}
callbacks: {evaluate: null, model_error: null, calibration: null, video: null, plots: null, speed: null, progress: null}
logger: null
"""
LATENT = """
defaults: [filtering/pendulum_hidden_velocity]
environment:
  max_episode_steps: 12
  wrappers: {pixels: {_target_: Pixels, size: 16, keep_vector: true}, hidden: null}
experience:
  {max_env_steps: 80, warmup_env_steps: 40, env_steps_per_collection: 40, sequence_length: 6, batch_size: 4,
   updates_per_epoch: 2, updates_per_call: 1, schedule: {first_updates: 2, updates_per_env_step: 0.05},
   held_out_share: 0.5, validation_size: 60}
agent:
  world_model: {posterior: {hidden: 8}, dynamics: {deterministic_size: 8, hidden: [8]}}
  planner: {candidates: 4, elites: 2, iterations: 1, horizon: 2}
evaluation: {episodes: 1}
callbacks:
  {calibration: null, video: null, plots: null, speed: null, progress: null, model_error: {starts: 4, particles: 2},
   imagined: {horizon: 4}, latent: {_target_: LatentPictures}}
logger: null
"""


def trained(text: str, capsys: pytest.CaptureFixture[str]) -> Path:
    Path("small.yaml").write_text(text)
    assert main(["train", "small.yaml"]) == 0, capsys.readouterr().err
    (folder,) = Path("runs/small").iterdir()
    capsys.readouterr()
    return folder


def test_an_episode_and_what_its_model_imagines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = trained(small_run(REST), capsys)
    assert main(["video", str(folder), "--json", "--width", "120", "--context", "2", "--horizon", "3"]) == 0
    said = json.loads(capsys.readouterr().out)
    episode, imagined = (Path(path) for path in said["videos"])
    assert [episode.name, imagined.name] == ["step-160.gif", "imagined-step-160.gif"]
    with Image.open(imagined) as video:
        assert video.n_frames == 5
        assert video.width == 120
    for wrong, said in (
        (["--checkpoint", "step-9"], "--checkpoint: expected one of best, step-160"),
        (["--context", "0"], "--context: expected at least 1, got 0"),
    ):
        assert main(["video", str(folder), *wrong]) == 2
        assert said.replace("best, ", "") in capsys.readouterr().err.replace("best, ", "")
    assert main(["video", "nowhere"]) == 2
    assert "RUN: expected the folder of a run, got nowhere" in capsys.readouterr().err


def test_a_run_with_a_camera_and_numbers_draws_what_it_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = trained(LATENT, capsys)
    with Image.open(folder / "videos" / "imagined-80.gif") as video:
        assert video.n_frames == 9
    names = {path.name for path in (folder / "plots").iterdir()}
    assert names == {"kl_by_variable.png", "traversals.png", "reconstructions.png"}
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    found = {key for row in rows for key in row}
    assert {"model/error_h1", "model/error_pixels_h1", "model/error_vector_h1", "validation/elbo"} <= found
