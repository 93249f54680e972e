"""Alerts: each for what it is for, once, and not for less."""

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from wandb_file import records
from watched import Run

from fulgurite.callbacks.alerts import Alerts
from fulgurite.callbacks.save_checkpoint import SaveCheckpoint
from fulgurite.callbacks.wandb_logger import Wandb
from fulgurite.runs.metrics import report


def alerts(run: Run) -> list[str]:
    return [name for row in run.rows for name in row if name.startswith("alert/")]


def told(run: Run, env_steps: int, **metrics: float) -> None:
    run.data.env_steps = env_steps
    report(run.trainer, {name.replace("__", "/"): value for name, value in metrics.items()})
    run.go(env_steps)


def test_skipped_updates_are_told_once_until_it_is_well(tmp_path: Path) -> None:
    run = Run(tmp_path, Alerts(stalled_seconds=None))
    for step, skipped in enumerate((0, 2, 1, 0, 3)):
        told(run, step, train__skipped_updates=skipped)
    assert alerts(run) == ["alert/skipped_updates"] * 2


def test_a_model_that_diverges(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = Run(tmp_path, Alerts(model_growth=2.0, stalled_seconds=None))
    for step, error in enumerate((1.0, 0.5, 0.9, 1.01)):
        told(run, step, model__error_h1=error, model__persistence_h1=3.0)
    assert alerts(run) == ["alert/model_error"]
    assert "the model's error at 1 steps is 1.01, 2.0 times its best, 0.5" in caplog.text


def test_a_model_worse_than_no_change_but_not_at_first(tmp_path: Path) -> None:
    run = Run(tmp_path, Alerts(model_growth=9.0, stalled_seconds=None))
    told(run, 1, model__error_h1=2.0, model__persistence_h1=1.0)
    assert not alerts(run)
    told(run, 2, model__error_h1=1.9, model__persistence_h1=1.0)
    assert alerts(run) == ["alert/model_error"]


def test_a_disk_that_refuses_checkpoints_is_told_once_until_it_takes_one(tmp_path: Path) -> None:
    saver = SaveCheckpoint()
    run = Run(tmp_path, Alerts(stalled_seconds=None))
    saver.on_train_epoch_end = lambda trainer, agent: None
    run.trainer.callbacks.append(saver)
    for step, refused in enumerate((None, "No space left", "No space left", None, "No space left")):
        saver.refused = refused
        told(run, step)
    assert alerts(run) == ["alert/no_checkpoint"] * 2


def test_an_exploitation_gap_of_two_evaluations(tmp_path: Path) -> None:
    run = Run(tmp_path, Alerts(gap=0.5, stalled_seconds=None))
    told(run, 1, plan__promised_return=10.0, plan__realised_return=4.0)
    run.go(2)  # the same evaluation, seen twice
    assert not alerts(run)
    told(run, 3, plan__promised_return=10.0, plan__realised_return=4.9)
    assert alerts(run) == ["alert/exploitation_gap"]
    run = Run(tmp_path / "fine", Alerts(gap=0.5, stalled_seconds=None))
    for step in (1, 2, 3):
        told(run, step, plan__promised_return=-10.0 + step, plan__realised_return=-12.0)
    assert not alerts(run)


def test_an_environment_that_stands_still(tmp_path: Path) -> None:
    watch = Alerts(stalled_seconds=0.2)
    run = Run(tmp_path, watch)
    watch.on_fit_start(run.trainer, None)  # type: ignore[arg-type]
    with run.data.phases("fit"):
        time.sleep(0.4)
    assert not alerts(run)
    with run.data.phases("collect"), run.data.phases("environment"):
        time.sleep(0.6)
    watch.on_fit_end(run.trainer, None)  # type: ignore[arg-type]
    assert alerts(run) == ["alert/stalled"]
    assert watch._watch is None


def test_a_run_that_fails_and_a_resumed_one(tmp_path: Path) -> None:
    watch = Alerts(stalled_seconds=None)
    run = Run(tmp_path, watch)
    told(run, 1, model__error_h1=0.5)
    again = Alerts(model_growth=2.0, stalled_seconds=None)
    again.load_state_dict(watch.state_dict())
    run.trainer.callbacks = [again]
    told(run, 2, model__error_h1=1.5)
    again.on_exception(run.trainer, None, ValueError("broken"))  # type: ignore[arg-type]
    assert alerts(run) == ["alert/model_error", "alert/failed"]


def test_wandb_gets_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    run = Run(tmp_path, Alerts(stalled_seconds=None))
    logger = Wandb()
    run.trainer.loggers.append(logger)
    logger.log_graph(SimpleNamespace(trainer=run.trainer))
    told(run, 70, train__skipped_updates=2)
    logger.finalize("success")
    (alert,) = records(tmp_path)["alert"]
    assert alert.title == "skipped updates"
    assert alert.text == "at 70 env steps: 2 updates were skipped: losses or gradients were not finite"


def test_a_failure_is_told_without_the_recipes_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    (tmp_path / "recipe.yaml").write_text("environment: {options: {api_key: SESAME-1}}\n")
    run = Run(tmp_path, watch := Alerts(stalled_seconds=None))
    logger = Wandb()
    run.trainer.loggers.append(logger)
    logger.log_graph(SimpleNamespace(trainer=run.trainer))
    error = RuntimeError(f"{'x' * 290} SESAME-1 at ftp://me:SESAME-2@host")
    watch.on_exception(run.trainer, None, error)  # type: ignore[arg-type]
    logger.finalize("failed")
    (alert,) = records(tmp_path)["alert"]
    assert alert.title == "failed"
    assert "RuntimeError: xxx" in alert.text
    assert "SESA" not in alert.text


@pytest.mark.parametrize("wrong", [{"model_growth": 1.0}, {"gap": 0.0}, {"stalled_seconds": 0.0}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}: need more than"):
        Alerts(**wrong)  # type: ignore[arg-type]
