"""The progress line: what it says, and that it moves by itself."""

import time
from pathlib import Path

import pytest
from rich.console import Console
from watched import Run, Still

from fulgurite.callbacks import progress_line
from fulgurite.callbacks.progress import Progress
from fulgurite.callbacks.progress_line import Line, Rate, clock


class Clock:
    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


def test_rate_and_time_left_over_the_jumps_after_the_warm_up() -> None:
    rate = Rate()
    for now, count in [(0, 0), (1, 0), (2, 200), (3, 200), (22, 400), (42, 600)]:
        rate.update(now, count)
    assert rate.per_second() == pytest.approx(10.0)
    assert rate.seconds_to(1000, 42) == pytest.approx(40.0)
    assert rate.seconds_to(1000, 52) == pytest.approx(30.0)  # it counts down in between
    assert rate.seconds_to(1000, 90) is None


def test_an_old_pace_is_forgotten() -> None:
    rate = Rate(jumps=2)
    for now, count in [(1, 100), (2, 200), (12, 300), (22, 400)]:
        rate.update(now, count)
    assert rate.per_second() == pytest.approx(10.0)


def test_no_rate_before_the_second_jump() -> None:
    rate = Rate()
    assert rate.per_second() is None
    rate.update(1, 200)
    assert (rate.per_second(), rate.seconds_to(1000, 2)) == (None, None)


def test_everything_is_on_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = Clock()
    monkeypatch.setattr(progress_line, "perf_counter", now)
    monkeypatch.setattr("fulgurite.runs.phases.perf_counter", now)
    run = Run(tmp_path)
    line = Line(run.trainer)
    assert line.plain() == "working  0/1,000 steps  env 0% model 0% plan 0% eval 0%  0:00 gone"
    run.data.env_steps = 200
    line.plain()
    now.now += 50
    run.data.env_steps = 700
    run.trainer.loggers[0].log_metrics({"train/return": -150.04, "eval/return_mean": -120.0})
    line.plain()
    with run.data.phases("collect"), run.data.phases("plan"):
        now.now += 10
        said = line.plain()
    assert said == (
        "collect  700/1,000 steps  10/s  env 0% model 0% plan 17% eval 0%  return train -150.0, eval -120.0  "
        "1:00 gone, 0:20 left"
    )


def test_the_drawn_line_is_one_line_however_narrow(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.data.env_steps = 500
    for width in (20, 60, 200):
        lines = Console(width=width).render_lines(Line(run.trainer).drawn(), pad=False)
        assert len(lines) == 1
        assert sum(segment.cell_length for segment in lines[0]) <= width


def test_off_a_terminal_it_prints_by_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_seconds=0.05)
    run = Run(tmp_path, progress)
    progress.on_fit_start(run.trainer, Still(None))
    time.sleep(0.2)  # the run is deep in something
    progress.on_fit_end(run.trainer, Still(None))
    printed = capfd.readouterr()
    assert printed.out == ""
    lines = printed.err.splitlines()
    assert len(lines) >= 3
    assert all("0/1,000 steps" in line for line in lines)


def test_the_first_line_does_not_wait(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_seconds=60)
    run = Run(tmp_path, progress)
    progress.on_fit_start(run.trainer, Still(None))
    began, said = time.monotonic(), ""
    while not said and time.monotonic() - began < 5.0:
        time.sleep(0.01)
        said = capfd.readouterr().err
    progress.on_fit_end(run.trainer, Still(None))
    assert "0/1,000 steps" in said


def test_it_ends_with_the_run_whichever_way(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_seconds=60)
    run = Run(tmp_path, progress)
    progress.on_fit_start(run.trainer, Still(None))
    progress.on_exception(run.trainer, Still(None), RuntimeError())
    progress.on_fit_end(run.trainer, Still(None))
    assert len(capfd.readouterr().err.splitlines()) == 2  # as it begins, and as it ends


def test_only_rank_zero_shows_it(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    progress = Progress(every_seconds=0.01)
    run = Run(tmp_path, progress)
    run.trainer.is_global_zero = False
    progress.on_fit_start(run.trainer, Still(None))
    progress.on_fit_end(run.trainer, Still(None))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (65.4, "1:05"), (3599.7, "1:00:00"), (7201, "2:00:01")])
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
