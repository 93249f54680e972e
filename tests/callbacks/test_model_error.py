"""Model error against closed forms on linear-Gaussian worlds."""

import math
from pathlib import Path

import pytest
import torch
from watched import (
    DECAY,
    STD,
    Data,
    LinearGaussian,
    Replayed,
    Run,
    Still,
    counting,
    next_state_is_reward,
    noisy,
    trajectory,
)

from fulgurite.callbacks.evaluate_agent import EvaluateAgent
from fulgurite.callbacks.model_error import ModelError
from fulgurite.models.world_model import WorldModel


def measured(tmp_path: Path, dynamics: object, held_out: list, *callbacks: object, **options: object) -> dict:
    """The row that ModelError reports."""
    run = Run(tmp_path, *callbacks, ModelError(**options), held_out=held_out)  # type: ignore[arg-type]
    run.go(500, Still(WorldModel(dynamics, next_state_is_reward)))  # type: ignore[arg-type]
    return run.rows[-1]


def test_a_perfect_model_has_no_error_and_persistence_counts_the_steps(tmp_path: Path) -> None:
    row = measured(tmp_path, LinearGaussian(std=1e-6), [counting(5), counting(3)], horizons=(1, 2, 4))
    std = torch.tensor([1.0, 2, 3, 4, 5, 1, 2, 3]).std(correction=0).item()
    for k in (1, 2, 4):
        assert row[f"model/error_h{k}"] == pytest.approx(0, abs=1e-5)
        assert row[f"model/persistence_h{k}"] == pytest.approx(k / std)


def test_nothing_counts_past_the_end_of_an_episode(tmp_path: Path) -> None:
    # After the end the model would go on counting, while the padding says zero.
    row = measured(tmp_path, LinearGaussian(std=1e-6), [counting(5)], horizons=(1, 4, 8))
    assert row["model/error_h4"] == pytest.approx(0, abs=1e-5)
    assert "model/error_h8" not in row


def test_a_constant_offset_adds_up_over_the_horizon(tmp_path: Path) -> None:
    row = measured(tmp_path, LinearGaussian(std=1e-6, offsets=(0.5,)), [counting(4)], horizons=(1, 2, 4))
    std = math.sqrt(1.25)
    for k in (1, 2, 4):
        assert row[f"model/error_h{k}"] == pytest.approx(0.5 * k / std, rel=1e-4)


def test_members_that_err_in_opposite_ways_cancel_in_the_mean(tmp_path: Path) -> None:
    row = measured(tmp_path, LinearGaussian(std=1e-6, offsets=(0.5, -0.5)), [counting(4)], horizons=(2,))
    assert row["model/error_h2"] == pytest.approx(0, abs=1e-5)


def test_noise_gives_the_error_of_the_closed_form(tmp_path: Path) -> None:
    held_out = noisy()
    row = measured(tmp_path, LinearGaussian(DECAY, STD), held_out, horizons=(1, 2, 4, 8), starts=4000, particles=40)
    std = torch.cat([one["next", "observation"] for one in held_out]).std(0, correction=0)
    for k in (1, 2, 4, 8):
        variance = STD**2 * sum(DECAY ** (2 * i) for i in range(k)) * (1 + 1 / 40)  # the mean of 40 particles errs too
        assert row[f"model/error_h{k}"] == pytest.approx((variance / std.square()).mean().sqrt().item(), rel=0.04)


def test_starts_are_the_evaluations_where_there_is_one(tmp_path: Path) -> None:
    evaluate = EvaluateAgent(Replayed(trajectory(torch.zeros(4, 1), torch.zeros(3, 1))))  # type: ignore[arg-type]
    row = measured(tmp_path, LinearGaussian(std=1e-6), [counting(5)], evaluate, horizons=(1,))
    assert row["model/persistence_h1"] == 0  # the held-out episode moves, the evaluation's stands still


def test_chunks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"horizons": (1, 2, 4), "particles": 2}
    dynamics = LinearGaussian(std=1e-9, offsets=(0.5, -0.25))
    whole = measured(tmp_path / "whole", dynamics, noisy(20), **options)
    monkeypatch.setattr("fulgurite.runs.open_loop.NUMBERS_AT_ONCE", 100)
    parts = measured(tmp_path / "parts", dynamics, noisy(20), **options)
    assert parts == pytest.approx(whole, rel=1e-5)


def test_no_data_or_no_model_reports_nothing_but_the_row(tmp_path: Path) -> None:
    run = Run(tmp_path, ModelError())
    run.go(500, Still(WorldModel(LinearGaussian(), next_state_is_reward)))
    run.data = run.trainer.datamodule = Data([counting(4)])
    run.go(1000, Still(None))
    assert all(set(row) == {"env_steps", "gradient_steps", "wall_seconds"} for row in run.rows)


def test_chance_is_left_alone(tmp_path: Path) -> None:
    before = torch.get_rng_state()
    measured(tmp_path, LinearGaussian(DECAY, STD), noisy(10))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("options", [{"horizons": (0, 1)}, {"particles": 0}, {"starts": 0}, {"every_env_steps": 0}])
def test_numbers_below_one_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="need"):
        ModelError(**options)
