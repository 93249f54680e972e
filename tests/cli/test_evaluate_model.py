"""`fulgurite evaluate --model`: words, JSON, the picture, and refusals, around an experiment that is a double."""

import json
from pathlib import Path
from typing import Any

import pytest

from fulgurite.cli import main
from fulgurite.recipe import Composed, compose, to_yaml
from fulgurite.runs import checkpoint as checkpoints


def metrics(horizons: tuple[int, ...]) -> dict[str, float]:
    """A whole report's numbers."""
    names = ("error", "persistence", "crps", "coverage_50", "coverage_80", "coverage_95", "spread_correlation")
    found = {f"model/{name}_h{k}": 0.25 * k for name in names for k in horizons}
    return found | {f"pit/h{k}_{i}": 0.1 for k in horizons for i in range(1, 11)} | {"model/nll": -3.5}


class Double:
    """An experiment whose model has been judged already."""

    def __init__(self, refusal: str | None) -> None:
        self.refusal = refusal
        self.checkpoints: list[Path | None] = []

    def build(self, composed: Composed) -> "Double":
        return self

    def judge_model(self, checkpoint: Path | None) -> dict[str, Any]:
        self.checkpoints.append(checkpoint)
        if self.refusal:
            raise ValueError(self.refusal)
        return {"played": metrics((1, 2)), "held_out": metrics((1,))}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run with a checkpoint."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "run"
    checkpoints.FolderCheckpointIO().save_checkpoint({"step": 1}, folder / "checkpoints" / "step-400")
    (folder / "recipe.yaml").write_text(to_yaml(compose("pets/pendulum")))
    return folder


def doubled(monkeypatch: pytest.MonkeyPatch, refusal: str | None = None) -> Double:
    double = Double(refusal)
    monkeypatch.setattr("fulgurite.recipe.build", double.build)
    return double


def test_it_prints_a_row_for_each_horizon_and_draws(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    double = doubled(monkeypatch)
    assert main(["evaluate", "--model", str(run)]) == 0
    assert double.checkpoints == [run / "checkpoints" / "step-400"]
    said = capsys.readouterr().out.splitlines()
    assert f"{run}, step-400" in said
    assert [line.split() for line in said if line.startswith("2 ")] == [
        ["2", "0.5", "0.5", "0.5", "50%", "50%", "50%", "0.5"]
    ]
    assert len([line for line in said if line.startswith("1 ")]) == 2  # on either data
    assert "negative log-likelihood, nats a transition  -3.5" in said
    picture = run / "plots" / "calibration_evaluated.png"
    assert said[-1] == str(picture)
    assert picture.stat().st_size > 10_000


def test_json_has_every_number(run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    doubled(monkeypatch)
    assert main(["evaluate", "--model", str(run), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["played"] == metrics((1, 2))
    assert told["held_out"] == metrics((1,))


def test_an_agent_without_a_model_is_refused(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    doubled(monkeypatch, "RandomAgent has no model to judge")
    assert main(["evaluate", "--model", "baselines/random"]) == 2
    assert capsys.readouterr().err == "baselines/random: RandomAgent has no model to judge\n"
