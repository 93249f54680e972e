"""A run that takes a second: PETS with two small networks on a cart-pole, saved after every collection."""

from pathlib import Path

RECIPE = """
defaults: [pets/cartpole]
experience:
  max_env_steps: 200
  warmup_env_steps: 40
  env_steps_per_collection: 20
  batch_size: 8
  updates_per_epoch: 10
  updates_per_call: 2
  held_out_share: 0.3
  schedule: {updates_per_env_step: 0.5, first_updates: 20}
agent:
  world_model: {dynamics: {members: 2, elites: 1, hidden: [16]}}
  planner: {candidates: 8, elites: 2, iterations: 2, horizon: 3}
  objective: {particles: 2}
evaluation: {episodes: 2}
callbacks:
  calibration: null
  video: null
  plots: null
  progress: null
  checkpoint: {every_env_steps: 20, keep: 2}
logger: null
trainer: {accelerator: cpu, devices: 1}
"""


def small_recipe(place: Path) -> str:
    """Writes the recipe into a folder; returns its name there."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "small.yaml").write_text(RECIPE)
    return str((place / "small.yaml").resolve())
