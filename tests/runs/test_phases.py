"""Phases: exclusive times on a clock moved by hand."""

import pytest

from fulgurite.runs import phases as module
from fulgurite.runs.phases import Phases


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "perf_counter", clock)
    return clock


def test_each_phase_counts_the_time_spent_in_itself_alone(clock: Clock) -> None:
    phases = Phases()
    clock.now += 1  # other
    with phases("collect"):
        clock.now += 2
        with phases("plan"):
            clock.now += 3
            with phases("environment"):
                clock.now += 4
            clock.now += 5
        clock.now += 6
    clock.now += 7  # other
    assert phases.seconds() == {"other": 8.0, "collect": 8.0, "plan": 8.0, "environment": 4.0}
    assert phases.shares() == {"other": 8 / 28, "collect": 8 / 28, "plan": 8 / 28, "environment": 4 / 28}


def test_the_running_phase_counts_up_to_now(clock: Clock) -> None:
    phases = Phases()
    with phases("fit"):
        clock.now += 3
        assert phases.seconds() == {"other": 0.0, "fit": 3.0}
        clock.now += 1
        assert phases.seconds()["fit"] == 4.0
    assert phases.seconds()["fit"] == 4.0


def test_a_phase_may_hold_itself(clock: Clock) -> None:
    phases = Phases()
    with phases("fit"), phases("fit"):
        clock.now += 2
    assert phases.seconds() == {"other": 0.0, "fit": 2.0}
    assert phases.entries() == {"fit": 2}


def test_current_and_outermost() -> None:
    phases = Phases()
    assert (phases.current, phases.outermost) == ("other", "other")
    with phases("collect"), phases("plan"):
        assert (phases.current, phases.outermost) == ("plan", "collect")
    assert (phases.current, phases.outermost) == ("other", "other")


def test_an_error_leaves_the_phase(clock: Clock) -> None:
    phases = Phases()

    def fail() -> None:
        with phases("collect"), phases("environment"):
            clock.now += 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert phases.current == "other"
    clock.now += 1
    assert phases.seconds() == {"other": 1.0, "collect": 0.0, "environment": 1.0}


def test_shares_are_zero_before_any_time_has_passed(clock: Clock) -> None:
    assert Phases().shares() == {"other": 0.0}
