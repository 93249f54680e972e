"""The pictures come at the end of a run, whichever way it ends."""

import logging
from pathlib import Path

import pytest
from watched import Run, Still

from fulgurite.callbacks.plots import Plots


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = Run(tmp_path, Plots({"random": -9.0}))
    run.trainer.loggers[0].log_metrics({"env_steps": 200, "train/return": -5.0})
    return run


def test_at_a_good_end(run: Run) -> None:
    run.trainer.callbacks[0].on_fit_end(run.trainer, Still(None))
    assert [path.name for path in (run.folder / "plots").iterdir()] == ["returns.png"]


def test_at_a_bad_end(run: Run) -> None:
    run.trainer.callbacks[0].on_exception(run.trainer, Still(None), KeyboardInterrupt())  # who leaves will not wait
    assert not (run.folder / "plots").exists()
    run.trainer.callbacks[0].on_exception(run.trainer, Still(None), RuntimeError())
    assert (run.folder / "plots" / "returns.png").exists()


def test_only_rank_zero_draws(run: Run) -> None:
    run.trainer.is_global_zero = False
    run.trainer.callbacks[0].on_fit_end(run.trainer, Still(None))
    assert not (run.folder / "plots").exists()


def test_what_cannot_be_drawn_stops_nothing(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    (run.folder / "metrics.jsonl").write_text("oops\n")
    with caplog.at_level(logging.WARNING):
        run.trainer.callbacks[0].on_fit_end(run.trainer, Still(None))
    assert "line 1: expected a JSON object" in caplog.text
