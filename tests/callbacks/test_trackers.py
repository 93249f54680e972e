"""A run by the command with W&B, TensorBoard and a table at once: all three hold what metrics.jsonl holds."""

import csv
import json
from pathlib import Path

import pytest
from small_run import small_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from wandb_file import records, values

from fulgurite.callbacks.wandb_about import run_id, told
from fulgurite.cli import main
from fulgurite.runs.metrics import read
from fulgurite.sharing.folder import FILES

REST = """
environment: {max_episode_steps: 12}
callbacks: {model_error: null, calibration: null, plots: null, evaluate: {every_env_steps: 40}, video: {width: 60}}
logger: {wandb: {tags: [mine], job_type: trial}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.chdir(home)
        patch.setenv("WANDB_MODE", "offline")
        patch.setenv("WANDB_DATA_DIR", str(home))
        Path("small.yaml").write_text(small_run(REST))
        words = ["experience.max_env_steps=60", "logger.tensorboard=TensorBoard", "logger.csv=CsvFile"]
        assert main(["train", "small.yaml", *words]) == 0
        (folder,) = (home / "runs" / "small").iterdir()
    return folder


def test_wandb_has_configuration_rows_videos_and_the_agent_as_an_artifact(run: Path) -> None:
    found = records(run)
    (about,) = found["run"]
    assert about.job_type == "trial"
    assert list(about.tags) == ["mine", "MPC", "CEM", "fulgurite/CartPoleBalance-v0"]
    assert values(about.config.update)["agent"]["planner"]["candidates"] == 8
    rows = [values(row.item) for row in found["history"]]
    evaluated = {row["env_steps"]: row["eval/return_mean"] for row in rows if "eval/return_mean" in row}
    assert evaluated == {row["env_steps"]: row["eval/return_mean"] for row in read(run) if "eval/return_mean" in row}
    assert any("video/evaluation.videos" in row or "video/evaluation" in row for row in rows)
    (artifact,) = found["artifact"]
    assert (artifact.name, artifact.type) == (f"agent-{run_id(run)}", "model")
    assert {"latest", "step-60"} <= set(artifact.aliases)
    assert json.loads(artifact.metadata)["agent"] == "MPC"
    assert {entry.path for entry in artifact.manifest.contents} == set(FILES)


def test_tensorboard_has_every_number_by_environment_steps(run: Path) -> None:
    events = EventAccumulator(str(run / "tensorboard"))
    events.Reload()
    ours = [(row["env_steps"], row["eval/return_mean"]) for row in read(run) if "eval/return_mean" in row]
    assert [(event.step, event.value) for event in events.Scalars("eval/return_mean")] == ours
    assert {name for row in read(run) for name in row} <= set(events.Tags()["scalars"])


def test_the_table_has_every_row(run: Path) -> None:
    with (run / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    ours = read(run)
    assert len(rows) == len(ours)
    for row, our in zip(rows, ours, strict=True):
        assert {name: float(value) for name, value in row.items() if value} == {
            name: value for name, value in our.items() if value is not None
        }


def test_a_run_of_a_wandb_sweep_has_the_id_that_the_server_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fulgurite.callbacks.wandb_about import describe

    monkeypatch.setenv("WANDB_RUN_ID", "abc123")
    about = {"name": None, "group": None, "tags": []}
    assert describe(about, tmp_path / "alone")["id"] != "abc123"
    monkeypatch.setenv("WANDB_SWEEP_ID", "s1")
    assert describe(about, tmp_path / "swept")["id"] == "abc123"
    monkeypatch.setenv("WANDB_RUN_ID", "other")
    assert describe(about, tmp_path / "swept")["id"] == "abc123"  # resumed


def test_tags_are_classes_and_the_environment() -> None:
    recipe = {"agent": {"_target_": "mine.Agent", "planner": "${other}"}, "environment": {"id": "a.b-v0"}}
    assert told(recipe) == ["Agent", "a.b-v0"]
    assert told({}) == []
