"""Runs that take a second or two: any recipe with few steps, small searches and networks, saved at every collection."""

from pathlib import Path

SMALL = """
defaults: [{name}]
environment: {{num_envs: 1, max_episode_steps: 30}}
experience:
  max_env_steps: 200
  warmup_env_steps: 40
  env_steps_per_collection: 20
  batch_size: 8
  updates_per_epoch: 10
  updates_per_call: 2
  held_out_share: 0.3
  schedule: {{updates_per_env_step: 0.5, first_updates: 20}}
evaluation: {{episodes: 2}}
callbacks:
  calibration: null
  video: null
  plots: null
  progress: null
  checkpoint: {{every_env_steps: 20, keep: 2}}
logger: null
trainer: {{accelerator: cpu, devices: 1}}
agent: {agent}
"""
DREAMING = "{policy: {hidden: [8]}, value: {hidden: [8]}, dream: {horizon: 2, starts: 10}}"
SAMPLING = "{planner: {candidates: 8, elites: 2, iterations: 2, horizon: 3}}"
AGENTS = {
    "pets/cartpole": "{world_model: {dynamics: {hidden: [16]}}, planner: {candidates: 8, elites: 2, horizon: 3}}",
    "icem/pendulum": SAMPLING,
    "gradient/pendulum": "{planner: {iterations: 2, horizon: 3}}",
    "bayesian/pendulum": SAMPLING,
    "system_id/pendulum": SAMPLING,
    "ladder/v10": "{replan_every: 3, planner: {candidates: 8, elites: 2, iterations: 2, horizon: 3}}",
    "cliff/uncertain": SAMPLING,
    "mcts/cartpole": "{search: {simulations: 4}}",
    "mppi/pendulum": "{planner: {candidates: 8, iterations: 2, horizon: 3}}",
    "random_shooting/pendulum": "{planner: {candidates: 8, horizon: 3}}",
    "alphazero/frozen_lake": "{search: {simulations: 4}}",
    "dqn/cartpole": "{policy: {hidden: [8]}}",
    "dyna/cartpole": "{policy: {hidden: [8]}, world_model: {dynamics: {hidden: [8]}}}",
    "ppo/cartpole": "{policy: {hidden: [8]}, value: {hidden: [8]}}",
    "vae/pendulum_pixels": "{model: {latent: {size: 4}}}",
    "latent_mpc/pendulum_pixels": SAMPLING,
    "planet/pendulum_pixels": SAMPLING,
    "smoother/pendulum_hidden_velocity": SAMPLING,
    "dyna/maze": "{planning_steps: 2}",
    "svg/pendulum": DREAMING,
    "guided/pendulum": f"{{learner: {DREAMING}, planner: {{candidates: 8, elites: 2}}, policy_plans: 2}}",
    "imagined_pg/pendulum": DREAMING,
    "dreamer/pendulum": "{horizon: 3, starts: 4}",
    "sac/pendulum": "{policy: {hidden: [8]}, values: {hidden: [8]}}",
    "mbpo/pendulum": "{policy: {hidden: [8]}, values: {hidden: [8]}, model_first: 5, rollouts: {per_update: 5}}",
}


def small_recipe(name: str, place: Path) -> str:
    """Writes a small one of a shipped recipe into a folder, and returns its path."""
    place.mkdir(parents=True, exist_ok=True)
    path = place / "small.yaml"
    path.write_text(SMALL.format(name=name, agent=AGENTS[name]))
    return str(path.resolve())
