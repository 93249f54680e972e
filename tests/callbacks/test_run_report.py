"""The page comes at the end of a run, whichever way it ends, from the result that says so."""

import json
import logging
from pathlib import Path

import pytest
from run_folders import folder_of_run
from tiny import tiny_experiment

from fulgurite.callbacks.run_report import RunReport
from fulgurite.recipe import compose, to_yaml


def run_folder(home: Path) -> Path:
    (home / "recipe.yaml").write_text(to_yaml(compose("pets/cartpole")))
    return home


def test_at_a_good_end(tmp_path: Path) -> None:
    tiny_experiment(callbacks={"report": RunReport()}).fit(run_folder(tmp_path))
    text = (tmp_path / "report.html").read_text()
    assert ">completed<" in text
    assert "<dd>cpu</dd>" in text
    assert "loss/dynamics" in text
    assert json.loads((tmp_path / "result.json").read_text())["device"] == "cpu"


def test_at_a_bad_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = tiny_experiment(callbacks={"report": RunReport()})
    monkeypatch.setattr(experiment.agent, "training_step", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        experiment.fit(run_folder(tmp_path))
    text = (tmp_path / "report.html").read_text()
    assert ">failed<" in text
    assert "ZeroDivisionError: division by zero" in text


def test_who_leaves_at_once_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(*_: object) -> None:
        raise SystemExit(1)

    experiment = tiny_experiment(callbacks={"report": RunReport()})
    monkeypatch.setattr(experiment.agent, "training_step", leave)
    with pytest.raises(SystemExit):
        experiment.fit(run_folder(tmp_path))
    assert (tmp_path / "result.json").exists()
    assert not (tmp_path / "report.html").exists()


def test_what_cannot_be_written_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = folder_of_run(tmp_path)
    (folder / "report.html").mkdir()
    with caplog.at_level(logging.WARNING):
        RunReport().after_run(folder)
    assert "No report: " in caplog.text


def test_less_room_than_none_is_refused() -> None:
    with pytest.raises(ValueError, match="megabytes: need at least 0, got -1"):
        RunReport(megabytes=-1)
