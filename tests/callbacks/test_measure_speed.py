"""Speed: rates over the time since the last report, shares of all time."""

from pathlib import Path

import pytest
from watched import Run

from fulgurite.callbacks.measure_speed import MeasureSpeed
from fulgurite.runs import phases


def test_rates_shares_and_seconds_a_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(phases, "perf_counter", lambda: now[0])
    speed = MeasureSpeed()
    run = Run(tmp_path, speed)
    speed.on_fit_start(run.trainer, None)  # type: ignore[arg-type]

    def spend(phase: str, seconds: float) -> None:
        with run.data.phases(phase):
            now[0] += seconds

    spend("plan", 1.0)
    spend("plan", 3.0)
    spend("environment", 1.0)
    spend("fit", 5.0)
    run.data.seconds, run.data.gradient_steps = 10.0, 500
    run.go(200)
    assert run.rows[0] == pytest.approx(
        {
            "env_steps": 200,
            "gradient_steps": 500,
            "wall_seconds": 10.0,
            "speed/env_steps_per_second": 20.0,
            "speed/gradient_steps_per_second": 50.0,
            "speed/share_environment": 0.1,
            "speed/share_model": 0.5,
            "speed/share_planner": 0.4,
            "speed/share_evaluation": 0.0,
            "plan/seconds": 2.0,
        }
    )
    run.data.seconds, run.data.gradient_steps = 30.0, 600
    run.go(300)
    assert run.rows[1]["speed/env_steps_per_second"] == 5.0
    assert run.rows[1]["speed/gradient_steps_per_second"] == 5.0


def test_between_collections_it_is_silent(tmp_path: Path) -> None:
    run = Run(tmp_path, MeasureSpeed())
    run.data.collection_due = False
    run.go(200)
    assert run.rows == []
