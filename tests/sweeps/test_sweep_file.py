"""The file of a sweep: what it means, and a line for everything that is wrong with it."""

from pathlib import Path

import pytest

from fulgurite.cli import main
from fulgurite.recipe_error import RecipeError
from fulgurite.sweeps.online import config
from fulgurite.sweeps.sweep_file import Range, Stopper, Values, check_sweep, read_sweep

SWEEP = """
method: random
metric: {name: eval/return_mean, goal: maximize}
run_cap: 7
parameters:
  agent.planner.candidates: {min: 50, max: 400}
  agent.world_model.dynamics.learning_rate: {min: 1.0e-4, max: 1.0e-2, distribution: log_uniform_values}
  agent.world_model.dynamics.hidden: {values: [[64, 64], [200, 200]]}
  agent.planner: [cem, icem]
  agent.objective.particles: {value: 5}
  agent.planner.initial_std: {min: 0.1, max: 0.5, q: 0.1, distribution: q_uniform}
early_terminate: {type: hyperband, min_iter: 2}
overrides: [experience.max_env_steps=800]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(text)
    return path


def test_what_it_says(tmp_path: Path) -> None:
    sweep = read_sweep(written(tmp_path, SWEEP))
    assert (sweep.method, sweep.metric, sweep.goal, sweep.trials, sweep.seeds) == (
        "random", "eval/return_mean", "maximize", 7, 1,
    )  # fmt: skip
    assert sweep.parameters == {
        "agent.planner.candidates": Range(50, 400, whole=True),
        "agent.world_model.dynamics.learning_rate": Range(1e-4, 1e-2, log=True),
        "agent.world_model.dynamics.hidden": Values(("[64, 64]", "[200, 200]")),
        "agent.planner": Values(("cem", "icem")),
        "agent.objective.particles": Values(("5",)),
        "agent.planner.initial_std": Range(0.1, 0.5, step=0.1),
    }
    assert sweep.stopper == Stopper("hyperband", 2, 3)
    check_sweep(sweep, "sweep.yaml", "pets/cartpole", ["seed=3"])


def test_the_same_file_as_wandb_takes_it(tmp_path: Path) -> None:
    said = config(read_sweep(written(tmp_path, SWEEP)), "pets/cartpole", ["seed=3"], False)
    assert said["command"][1:] == [
        "-m", "fulgurite", "train", "pets/cartpole", "seed=3", "experience.max_env_steps=800", "${args_no_hyphens}",
    ]  # fmt: skip
    assert said["parameters"]["agent.planner.candidates"] == {"distribution": "int_uniform", "min": 50, "max": 400}
    assert said["parameters"]["agent.planner"] == {"values": ["cem", "icem"]}
    assert said["parameters"]["agent.planner.initial_std"]["q"] == 0.1
    assert said["early_terminate"] == {"type": "hyperband", "min_iter": 2, "eta": 3}


@pytest.mark.parametrize("line", ["seeds: 2", "early_terminate: {type: median}"])
def test_what_wandb_has_no_word_for_is_refused(tmp_path: Path, line: str) -> None:
    text = SWEEP.replace("early_terminate: {type: hyperband, min_iter: 2}", "") + line
    with pytest.raises(RecipeError, match="with W&B"):
        config(read_sweep(written(tmp_path, text)), "pets/cartpole", [], False)


def test_a_grid_is_as_large_as_it_is(tmp_path: Path) -> None:
    text = "method: grid\nparameters: {agent.planner: [cem, icem], seed: [0, 1, 2]}\n"
    assert read_sweep(written(tmp_path, text)).trials == 6
    assert read_sweep(written(tmp_path, text + "run_cap: 4\n")).trials == 4
    assert read_sweep(written(tmp_path, text + "run_cap: 40\n")).trials == 6


KEY = "agent.planner.candidates"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parameter: {}", "parameter: unknown; did you mean 'parameters'?"),
        ("parameters: {}", "parameters: expected at least one key of the recipe, got an empty mapping"),
        (
            "method: bayse\nparameters: {seed: [1]}",
            "method: expected one of bayes, random, grid, got 'bayse'; did you mean",
        ),
        (f"parameters: {{{KEY}: {{min: 5}}}}", f"parameters.{KEY}.max: expected a number, got null"),
        (f"parameters: {{{KEY}: {{min: 5, max: 5}}}}", "max: expected more than min, 5, got 5"),
        (f"parameters: {{{KEY}: {{valeus: [5]}}}}", "valeus: unknown; did you mean 'values'?"),
        (f"parameters: {{{KEY}: {{values: []}}}}", "values: expected a list of at least one, got []"),
        (f"parameters: {{{KEY}: {{values: [1], min: 3}}}}", "expected one of values, value, or min and max"),
        (f"parameters: {{{KEY}: 5}}", "expected a mapping, got 5"),
        (
            f"parameters: {{{KEY}: {{min: 0, max: 1.0, distribution: log_uniform_values}}}}",
            "more than 0 on a logarithmic",
        ),
        (f"parameters: {{{KEY}: {{min: 1, max: 2, distribution: normal}}}}", "distribution: expected one of uniform"),
        (f"parameters: {{{KEY}: {{min: 1, max: 2, distribution: q_uniform}}}}", "q: expected a step"),
        (f"method: grid\nparameters: {{{KEY}: {{min: 1, max: 2}}}}", "expected values, for a grid, got 'min and max'"),
        ("parameters: {seed: [1]}\nrun_cap: 0", "run_cap: expected a whole number of at least 1, got 0"),
        ("parameters: {seed: [1]}\nmetric: eval", "metric: expected a mapping, got 'eval'"),
        ("parameters: {seed: [1]}\nmetric: {goal: max}", "metric.goal: expected one of maximize, minimize, got 'max'"),
        ("parameters: {seed: [1]}\nearly_terminate: {eta: 1}", "eta: expected a whole number of at least 2, got 1"),
        ("parameters: {seed: [1]}\noverrides: a=1", "overrides: expected a list"),
        (f"parameters: {{{KEY}s: [5]}}", f"parameters.{KEY}s: CEM takes no 'candidatess'; did you mean 'candidates'?"),
        (f"parameters: {{{KEY}: [5, many]}}", f"parameters.{KEY}: expected int, got 'many'"),
        ("parameters: {agent.planner: [cem, icme]}", "agent.planner: no Planner 'icme'; did you mean 'ICEM'?"),
        (f"parameters: {{{KEY}: {{min: 1.5, max: 2.5}}}}", f"parameters.{KEY}: expected int, got 1.5"),
        ("parameters: {seed: [1]}\nseeds: 2", "parameters.seed: seeds gives every trial its own"),
        ("parameters: {seed: [1]}\noverrides: [seed=2]", "parameters.seed: an override sets it for all"),
        ("parameters: {seed: !!python/object:os.system [1]}", "refused the tag"),
    ],
)
def test_what_is_wrong_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, text)
    assert main(["sweep", "pets/cartpole", "sweep.yaml"]) == 3
    printed = capsys.readouterr().err
    assert printed.startswith("sweep.yaml: ")
    assert said in printed
    assert not Path("sweeps").exists()
