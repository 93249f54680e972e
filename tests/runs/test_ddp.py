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

RECIPE = small_run(
    """
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
""",
    held_out_share=0.3,
)

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


def python(folder: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1", "HOME": str(folder)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def command(folder: Path, *words: str) -> subprocess.CompletedProcess:
    return python(folder, "-m", "fulgurite", *words)


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
NAMES = sorted(
    {str(path.relative_to(RECIPES).with_suffix("")) for path in RECIPES.rglob("*/*.yaml")} - UNLEARNED - TABULAR
)
FAMILIES = (
    "alphazero/frozen_lake", "bayesian/pendulum", "dqn/cartpole", "dreamer/cartpole", "dyna/cartpole",
    "guided/pendulum", "imagined_pg/pendulum", "mbpo/pendulum", "planet/pendulum", "ppo/cartpole", "sac/pendulum",
    "smoother/pendulum_hidden_velocity", "svg/pendulum", "vae/pendulum_pixels",
)  # fmt: skip


def trained(folder: Path, *names: str) -> Path:
    """The folder, with what each of two processes says of these recipes; see `recipe_ranks`."""
    done = python(folder, str(Path(__file__).parents[1] / "recipe_ranks.py"), str(folder), *names)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One recipe of each family, trained by the same two processes: most of their time is their start."""
    return trained(tmp_path_factory.mktemp("families"), *FAMILIES)


def kept_together(name: str, folder: Path) -> None:
    first, second = told(folder / name)
    assert same(first, second)
    kept = 8 if name.startswith("ppo/") else 16  # of its latest collection
    assert len(first["actions"]) == len(second["actions"]) == kept
    assert not torch.equal(first["actions"], second["actions"])


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_keeps_its_ranks_together(name, families):
    kept_together(name, families)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in FAMILIES])
def test_every_recipe_keeps_its_ranks_together(name, tmp_path):
    kept_together(name, trained(tmp_path, name))


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
