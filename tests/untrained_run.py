"""Run folders without a run: a recipe and a checkpoint of first weights, in a second."""

import json
from pathlib import Path

from fulgurite.recipe import build, check, compose, to_yaml
from fulgurite.runs.checkpoint import FolderCheckpointIO

CARTPOLE = """
defaults: [pets/cartpole]
agent:
  world_model: {dynamics: {members: 2, elites: 1, hidden: [8]}}
  planner: {candidates: 8, elites: 2, iterations: 2, horizon: 3}
  objective: {particles: 2}
environment: {max_episode_steps: 12}
evaluation: {episodes: 2}
"""
PENDULUM = CARTPOLE.replace("pets/cartpole", "pets/pendulum")  # whose torque is not within [-1, 1]
DISCRETE = """
defaults: [mcts/cartpole]
environment: {max_episode_steps: 8}
agent: {search: {simulations: 4}}
evaluation: {episodes: 2}
"""
LATENT = """
defaults: [filtering/pendulum_hidden_velocity]
environment: {max_episode_steps: 8}
agent:
  world_model: {posterior: {hidden: 8}, dynamics: {deterministic_size: 8, hidden: [8]}}
  planner: {candidates: 6, elites: 2, iterations: 1, horizon: 3}
evaluation: {episodes: 2}
"""
IMAGE = """
defaults: [filtering/pendulum_hidden_velocity]
environment:
  max_episode_steps: 5
  wrappers: {pixels: {_target_: Pixels, size: 16, keep_vector: true}, hidden: null}
agent:
  world_model: {posterior: {hidden: 8}, dynamics: {deterministic_size: 8, hidden: [8]}}
  planner: {candidates: 4, elites: 2, iterations: 1, horizon: 2}
evaluation: {episodes: 1}
"""


def untrained_run(folder: Path, text: str = CARTPOLE, env_steps: int = 40) -> Path:
    """The folder, which is made in the working folder's `small.yaml`."""
    source = folder.parent / "small.yaml"
    source.write_text(text)
    composed = compose(str(source))
    check(composed)
    agent = build(composed, "agent")
    counters = {"env_steps": env_steps, "gradient_steps": 30, "wall_seconds": 1.5}
    content = {"state_dict": agent.state_dict(), "Experience": {"ranks": [counters]}}
    FolderCheckpointIO().save_checkpoint(content, folder / "checkpoints" / f"step-{env_steps}")
    (folder / "recipe.yaml").write_text(to_yaml(composed))
    evaluated = {"return_mean": 9.5, "return_std": 1.5, "return_min": 8.0, "return_max": 11.0, "length_mean": 9.5}
    row = {**counters, **{f"eval/{name}": value for name, value in evaluated.items()}, "eval/episodes": 2}
    (folder / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    return folder
