"""The constants of an identified system in the metrics file."""

from pathlib import Path

import pytest
from watched import LinearGaussian, Run, Still

from fulgurite.callbacks.physical_constants import PhysicalConstants
from fulgurite.models.known import pendulum_reward
from fulgurite.models.system_identification import IdentifiedPendulum
from fulgurite.models.world_model import WorldModel


def test_they_are_reported_by_name(tmp_path: Path) -> None:
    run = Run(tmp_path, PhysicalConstants(every_env_steps=100))
    run.go(100, Still(WorldModel(IdentifiedPendulum(mass=3.0, length=0.25, friction=0.5), pendulum_reward)))
    row = run.rows[-1]
    assert [row[f"model/{name}"] for name in ("mass", "length", "friction")] == pytest.approx([3.0, 0.25, 0.5])


def test_other_dynamics_have_none(tmp_path: Path) -> None:
    run = Run(tmp_path, PhysicalConstants(every_env_steps=100))
    run.go(100, Still(WorldModel(LinearGaussian(), pendulum_reward)))
    run.go(200, Still(None))
    assert run.rows == []
