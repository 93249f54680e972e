"""Two processes on one run, by the command: the same weights, each its own data, one folder, and an exact resume.

`pytest -m slow tests/runs/test_ddp.py` does it with every shipped recipe.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from small_run import small_run

from fulgurite.reports.run import found_in

RECIPE = small_run("""
callbacks:
  evaluate: null
  model_error: null
  calibration: null
  video: null
  plots: null
  checkpoint: {every_env_steps: 80, keep: 9}
  witness: {_target_: witness.Witness}
logger: null
trainer: {accelerator: cpu, strategy: ddp, devices: 2}
""", held_out_share=0.3)

WITNESS = '''
from pathlib import Path

import pytorch_lightning as pl
import torch


class Witness(pl.Callback):
    """Each rank leaves its weights and its data in the run folder."""

    def on_train_end(self, trainer, pl_module):
        data = trainer.datamodule
        told = {"weights": pl_module.state_dict(), "rows": data.dataset.newest(10**6)["observation"].clone()}
        told |= {"env_steps": data.env_steps, "gradient_steps": data.gradient_steps}
        torch.save(told, Path(trainer.default_root_dir) / f"rank{trainer.global_rank}.pt")
'''


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, "-m", "fulgurite", *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def told(run: Path) -> list[dict]:
    return [torch.load(run / f"rank{rank}.pt", weights_only=True) for rank in (0, 1)]


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one["weights"][name], other["weights"][name]) for name in one["weights"])


def test_two_processes_are_one_run(tmp_path):
    (tmp_path / "two.yaml").write_text(RECIPE)
    (tmp_path / "witness.py").write_text(WITNESS)
    done = command(tmp_path, "train", "two.yaml")
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = [path.parent for path in tmp_path.rglob("result.json")]
    assert found_in(tmp_path) == [run]
    assert done.stdout.count("status") == 1
    first, second = told(run)
    assert same(first, second)
    assert first["rows"].shape == second["rows"].shape == (80, 4)
    assert not torch.equal(first["rows"], second["rows"])
    assert (first["env_steps"], second["env_steps"]) == (160, 160)
    assert first["gradient_steps"] == second["gradient_steps"]

    shutil.rmtree(run / "checkpoints" / "step-160")
    again = command(tmp_path, "resume", str(run))
    assert again.returncode == 0, again.stderr[-3000:]
    assert "from step-80" in again.stdout
    for before, after in zip((first, second), told(run), strict=True):
        assert same(before, after)
        assert torch.equal(before["rows"], after["rows"])

    alone = command(tmp_path, "resume", str(run), "trainer.devices=1")
    assert alone.returncode == 1
    assert "made by 2 processes, not 1" in alone.stderr


RECIPES = Path(__file__).parents[2] / "recipes"
TABULAR = {"dyna/maze", "dyna/maze_plus", "dyna/maze_prioritized"}
UNLEARNED = {f"mcts/{task}" for task in ("acrobot", "cartpole_true", "frozen_lake", "tictactoe")} | {"baselines/random"}
NAMES = sorted({str(path.relative_to(RECIPES).with_suffix("")) for path in RECIPES.rglob("*/*.yaml")} - UNLEARNED - TABULAR)
ALWAYS = ("alphazero/frozen_lake", "bayesian/pendulum", "mbpo/pendulum", "ppo/cartpole")
SMALL = [
    "experience.max_env_steps=32", "experience.warmup_env_steps=8", "experience.env_steps_per_collection=8",
    "experience.updates_per_epoch=2", "experience.updates_per_call=1", "experience.batch_size=4",
    "experience.schedule={first_updates: 4, updates_per_env_step: 0.5}", "logger=null", "environment.num_envs=1",
    "environment.max_episode_steps=12", "callbacks={witness: {_target_: witness.Witness}}",
    "trainer.accelerator=cpu", "trainer.devices=2", "trainer.strategy=ddp",
]  # fmt: skip


@pytest.mark.parametrize("name", [n if n in ALWAYS else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_every_recipe_keeps_its_ranks_together(name, tmp_path):
    """Two collections on each rank, so normalisers, elites and weights have seen what both gathered."""
    (tmp_path / "witness.py").write_text(WITNESS)
    (tmp_path / "small.yaml").write_text(f"defaults: [{name}]\n")
    search = ["agent.search.simulations=4"] if name.startswith(("mcts/", "alphazero/")) else []
    dreaming = ["agent.model_first=2", "agent.model_every=2", "agent.rollouts.particles=2"]  # parts rest in turn
    search += dreaming if name.startswith("mbpo/") else []
    done = command(tmp_path, "train", "small.yaml", *SMALL, *search)
    assert done.returncode == 0, done.stderr[-3000:]
    (run,) = [path.parent for path in tmp_path.rglob("result.json")]
    first, second = told(run)
    assert same(first, second)
    kept = 8 if name.startswith("ppo/") else 16  # of its latest collection
    assert len(first["rows"]) == len(second["rows"]) == kept
    assert not torch.equal(first["rows"], second["rows"])


def test_without_anything_to_learn_one_process_is_asked_for(tmp_path):
    words = "trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "logger=null", "callbacks=null"
    done = command(tmp_path, "train", "baselines/random", *words)
    assert done.returncode == 1
    assert "trainer.devices: need 1, since nothing is learned here, got 2" in done.stderr


def test_an_agent_that_learns_as_it_acts_asks_for_one_process(tmp_path):
    words = "trainer.devices=2", "trainer.strategy=ddp", "trainer.accelerator=cpu", "logger=null", "callbacks=null"
    done = command(tmp_path, "train", "dyna/maze", *words)
    assert done.returncode == 1
    assert "trainer.devices: need 1, since DynaQ learns as it acts, each process something else; got 2" in done.stderr


def test_one_command_trains_one_seed_on_several_devices(tmp_path):
    done = command(tmp_path, "train", "pets/pendulum", "seed=0..1", "trainer.devices=2")
    assert done.returncode == 2
    assert "expected one seed a command" in done.stderr
