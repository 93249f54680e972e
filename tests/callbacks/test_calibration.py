"""Calibration against closed forms on linear-Gaussian worlds, the same keys for every family, and its callback."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from watched import DECAY, STD, LinearGaussian, Run, Still, counting, next_state_is_reward, noisy, trajectory

from fulgurite.callbacks.calibration import Calibration
from fulgurite.data.windows import spread, windows
from fulgurite.imagination import TSInfinity
from fulgurite.models.bayesian import BayesianDynamics
from fulgurite.models.deterministic import DeterministicDynamics
from fulgurite.models.dropout import DropoutDynamics
from fulgurite.models.dynamics import Dynamics
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.system_identification import IdentifiedPendulum
from fulgurite.models.world_model import WorldModel
from fulgurite.runs.calibration import calibration
from fulgurite.runs.open_loop import OpenLoop


def measured(
    dynamics: Dynamics, recorded: list, horizons: tuple[int, ...] = (1,), starts: int = 256, particles: int = 40
) -> dict[str, float]:
    """The calibration of a model on recorded trajectories."""
    chosen = windows(recorded, max(horizons), starts, torch.Generator().manual_seed(0))
    world = WorldModel(dynamics, next_state_is_reward)
    return calibration(world, chosen, spread(recorded), OpenLoop(horizons, particles, TSInfinity()))


def test_the_true_model_is_calibrated_at_every_horizon() -> None:
    recorded = noisy()
    row = measured(LinearGaussian(DECAY, STD), recorded, (1, 2, 4, 8), starts=4000)
    std = spread(recorded)
    for k in (1, 2, 4, 8):
        for level in (50, 80, 95):
            assert row[f"model/coverage_{level}_h{k}"] == pytest.approx(level / 100, abs=0.03)
        tenths = [row[f"pit/h{k}_{i}"] for i in range(1, 11)]
        assert sum(tenths) == pytest.approx(1)
        assert tenths == pytest.approx([0.1] * 10, abs=0.02)
        sigma = STD * math.sqrt(sum(DECAY ** (2 * i) for i in range(k)))
        assert row[f"model/crps_h{k}"] == pytest.approx((sigma / math.sqrt(math.pi) / std).mean().item(), rel=0.05)
    assert row["model/coverage_80"] == row["model/coverage_80_h1"]
    assert row["model/crps"] == row["model/crps_h1"]
    entropy = 2 * (0.5 * math.log(2 * math.pi * math.e) + math.log(STD))  # of both dimensions
    assert row["model/nll"] == pytest.approx(entropy, abs=0.05)


def test_overconfidence_shows_in_coverage() -> None:
    row = measured(LinearGaussian(DECAY, STD / 2), noisy(), horizons=(1,), starts=4000, particles=200)
    normal = torch.distributions.Normal(0.0, 1.0)
    for level in (50, 80, 95):
        z = normal.icdf(torch.tensor(0.5 + level / 200))
        expected = 2 * normal.cdf(z / 2).item() - 1
        assert row[f"model/coverage_{level}"] == pytest.approx(expected, abs=0.03)


def test_nll_is_that_of_the_mixture_of_members() -> None:
    row = measured(LinearGaussian(std=1.0, offsets=(0.5, -1.5)), [counting(4)], particles=4)
    density = 0.5 * (math.exp(-0.125) + math.exp(-1.125)) / math.sqrt(2 * math.pi)
    assert row["model/nll"] == pytest.approx(-math.log(density), rel=1e-5)


def test_nll_sums_over_dimensions() -> None:
    still = trajectory(torch.zeros(4, 3), torch.zeros(3, 3))
    row = measured(LinearGaussian(std=2.0), [still], particles=4)
    assert row["model/nll"] == pytest.approx(3 * (math.log(2.0) + 0.5 * math.log(2 * math.pi)), rel=1e-5)


def test_a_model_of_points_has_no_likelihood() -> None:
    torch.manual_seed(0)
    row = measured(DeterministicDynamics(1, 1, members=5), [counting(6)], horizons=(1, 2))
    assert "model/nll" not in row
    assert row["model/crps"] > 0


class Wavering(LinearGaussian):
    """Draws that differ by the size of the state, around a mean that is wrong by as much, or by nothing of the kind."""

    def __init__(self, honest: bool) -> None:
        super().__init__(std=1e-6, offsets=(-1.0, 1.0))
        self.honest = honest

    def mean(self, state: torch.Tensor, action: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
        wrong = state.abs() * (1 if self.honest else 0) + (0 if self.honest else 5 - state.abs())
        return state + action + wrong + theta.view(-1, 1, 1) * state.abs()


@pytest.mark.parametrize(("honest", "expected"), [(True, 1.0), (False, -1.0)])
def test_rank_correlation_tells_who_knows_where_it_errs(honest: bool, expected: float) -> None:
    row = measured(Wavering(honest), [counting(4)], particles=2)  # states 0, 1, 2, 3
    assert row["model/disagreement_correlation"] == pytest.approx(expected)
    assert row["model/spread_correlation_h1"] == pytest.approx(expected)
    assert row["model/disagreement"] == pytest.approx(math.sqrt(14 / 4) / math.sqrt(1.25), rel=1e-4)


def test_a_point_is_sure_of_itself() -> None:
    row = measured(LinearGaussian(std=1e-9), [counting(4)], (1, 2))
    assert row["model/disagreement"] == row["model/disagreement_correlation"] == 0


def test_nothing_counts_past_the_end_of_an_episode() -> None:
    row = measured(LinearGaussian(std=1e-6), [counting(5)], (1, 4, 8))
    assert row["model/crps_h4"] == pytest.approx(0, abs=1e-5)
    assert not any("h8" in name for name in row)


FAMILIES = {
    "point": DeterministicDynamics(3, 1, hidden=(8,)),
    "single": GaussianDynamics(3, 1, members=1, hidden=(8,)),
    "ensemble": GaussianDynamics(3, 1, members=5, hidden=(8,)),
    "bayesian": BayesianDynamics(3, 1, hidden=(8,)),
    "dropout": DropoutDynamics(3, 1, hidden=(8,)),
    "identified": IdentifiedPendulum(),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_the_same_keys(family: str) -> None:
    torch.manual_seed(0)
    rows = [trajectory(torch.randn(9, 3), torch.rand(8, 1) * 2 - 1)]
    keys = set(measured(FAMILIES[family], rows, (1, 4)))
    reference = set(measured(FAMILIES["ensemble"], rows, (1, 4)))
    assert keys == (reference - {"model/nll"} if family == "point" else reference)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    dynamics, recorded = LinearGaussian(std=1e-9, offsets=(0.5, -0.25)), noisy(20)
    whole = measured(dynamics, recorded, (1, 2, 4), particles=2)
    monkeypatch.setattr("fulgurite.runs.open_loop.NUMBERS_AT_ONCE", 100)
    parts = measured(dynamics, recorded, (1, 2, 4), particles=2)
    ranked = [name for name in whole if "correlation" in name]  # of spreads that are all equal but for rounding
    for row in (whole, parts):
        for name in ranked:
            del row[name]
    assert parts == pytest.approx(whole, rel=1e-4, abs=1e-6)


def test_the_callback_reports_it(tmp_path: Path) -> None:
    run = Run(tmp_path, Calibration(horizons=(2,)), held_out=[counting(4)])
    run.go(500, Still(WorldModel(LinearGaussian(std=0.1), next_state_is_reward)))
    row: dict[str, Any] = run.rows[-1]
    assert row["env_steps"] == 500
    expected = measured(LinearGaussian(std=0.1), [counting(4)], (1, 2))
    assert {name: row[name] for name in expected} == pytest.approx(expected)
