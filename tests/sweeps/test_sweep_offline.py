"""A sweep without an account: the best is found, bad trials end early, what was stopped goes on, failures are told.

Trials are a stand-in for `fulgurite train` that takes a tenth of a second: 100 - (candidates - 40)^2 + seed.
"""

import csv
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

pytest.importorskip("optuna")

from fulgurite.cli import main
from fulgurite.sweeps import offline, trial

STAND_IN = """
import json, sys, time
from pathlib import Path
words = dict(word.partition("=")[::2] for word in sys.argv[1:])
run = Path(words["runs"]) / "pets" / "cartpole" / f"20260101-000000-seed{words['seed']}"
(run / "checkpoints" / "step-1").mkdir(parents=True, exist_ok=True)
(run / "recipe.yaml").write_text("")
candidates = int(words["agent.planner.candidates"])
if candidates == 13: sys.exit("thirteen is bad luck")
score = 100 - (candidates - 40) ** 2 + int(words["seed"])
for steps in (100, 200, 300):
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"env_steps": steps, "eval/return_mean": score - (300 - steps)}) + chr(10))
    time.sleep(float(words.get("wait", 0)))
(run / "result.json").write_text(json.dumps({"status": "completed"}))
"""
SWEEP = """
method: {method}
parameters: {{agent.planner.candidates: {values}}}
seeds: {seeds}
{rest}
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(trial.Trial, "_next", begin)
    monkeypatch.setattr(offline, "LOOK", 0.05)


def begin(self: trial.Trial, wait: float = 0.0) -> None:
    if not self._left:
        return
    seed = self._left[0]
    words = [*self.overrides, f"seed={seed}", f"runs={self.folder}", f"wait={wait}"]
    self._log = (self.folder / trial.LOG).open("ab")
    self._process = subprocess.Popen([sys.executable, "-c", STAND_IN, *words], stdout=self._log, stderr=self._log)


def swept(method: str, values: str, *words: str, seeds: int = 1, rest: str = "") -> int:
    Path("sweep.yaml").write_text(SWEEP.format(method=method, values=values, seeds=seeds, rest=rest))
    return main(["sweep", "pets/cartpole", "sweep.yaml", "--with", "optuna", *words])


def table() -> list[dict[str, str]]:
    with Path("sweeps/pets/cartpole/sweep/trials.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_grid_finds_the_best_and_its_recipe_trains(capsys: pytest.CaptureFixture[str]) -> None:
    assert swept("grid", "[10, 38, 60]", "--jobs", "2", seeds=2) == 0
    assert {(row["agent.planner.candidates"], float(row["eval/return_mean"])) for row in table()} == {
        ("10", -799.5), ("38", 96.5), ("60", -299.5),
    }  # fmt: skip
    said = capsys.readouterr().out
    assert said.rstrip().endswith("fulgurite train sweeps/pets/cartpole/sweep/best.yaml")
    rows = [line for line in said.splitlines() if "│" in line]
    assert [row.split("│")[3].strip() for row in rows] == ["96.5", "-299.5", "-799.5"]
    best = yaml.safe_load(Path("sweeps/pets/cartpole/sweep/best.yaml").read_text())
    assert best["agent"]["planner"]["candidates"] == 38
    assert main(["check", "sweeps/pets/cartpole/sweep/best.yaml"]) == 0


def test_it_comes_near_the_optimum() -> None:
    assert swept("bayes", "{min: 1, max: 100}", "--jobs", "4", rest="run_cap: 16") == 0
    values = [float(row["eval/return_mean"]) for row in table()]
    assert max(values) >= 75
    assert sorted(values[8:])[4] > sorted(values[:8])[4]  # it learns from the first ones


def test_trials_that_lag_behind_end_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial.Trial, "_next", lambda self: begin(self, wait=0.8))
    assert swept("grid", "[40, 39, 10, 80]", rest="early_terminate: {type: hyperband, min_iter: 1, eta: 2}") == 0
    states = {row["agent.planner.candidates"]: row["state"] for row in table()}
    assert states["10"] == states["80"] == "pruned"
    assert states["40"] == "complete"


def test_what_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = time.monotonic()

    def slow(self: trial.Trial) -> None:
        begin(self, wait=30.0)
        time.sleep(0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr(trial.Trial, "_next", slow)
    assert swept("grid", "[38, 39]") == 130
    assert time.monotonic() - begun < 25
    assert [row["state"] for row in table()] == ["running"]
    monkeypatch.setattr(trial.Trial, "_next", begin)
    assert swept("grid", "[38, 39]") == 0
    assert [row["state"] for row in table()] == ["complete", "complete"]
    assert swept("grid", "[38, 39]") == 0  # nothing left to do
    assert len(table()) == 2
    assert swept("grid", "[38, 44]") == 2  # another sweep


def test_a_failed_trial_is_told_and_the_others_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    assert swept("grid", "[13, 40]") == 0
    assert "trial 0: failed: seed 0 ended with 1: thirteen is bad luck" in capsys.readouterr().out
    assert [row["state"] for row in table()] == ["fail", "complete"]


def test_a_sweep_of_which_the_first_trials_all_fail_ends(capsys: pytest.CaptureFixture[str]) -> None:
    assert swept("random", "[13]", rest="run_cap: 20") == 1
    assert "the first 3 trials failed, the last one so: seed 0 ended with 1" in capsys.readouterr().err
    assert len(table()) == 3


def test_a_metric_that_nobody_reports(capsys: pytest.CaptureFixture[str]) -> None:
    assert swept("grid", "[40]", rest="metric: {name: eval/retrun}") == 0
    assert "no row of metrics.jsonl has eval/retrun" in capsys.readouterr().out


@pytest.mark.slow
def test_real_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    small = """
overrides: [experience.max_env_steps=60, experience.warmup_env_steps=20, experience.env_steps_per_collection=20,
  experience.schedule.first_updates=20, experience.schedule.updates_per_env_step=1, agent.planner.iterations=1,
  evaluation.episodes=1, callbacks.video=null, callbacks.plots=null, logger=null]
"""
    assert swept("grid", "[10, 20]", "--jobs", "2", seeds=2, rest=small) == 0
    assert [row["state"] for row in table()] == ["complete", "complete"]
    assert len(list(Path("sweeps").rglob("result.json"))) == 4
