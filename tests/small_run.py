"""PETS on a cart-pole in a second or two, as the head of a recipe; callbacks, logger and trainer are a test's own."""

SMALL_RUN = """
defaults: [pets/cartpole]
experience:
  max_env_steps: 160
  warmup_env_steps: 40
  env_steps_per_collection: 20
  batch_size: 8
  updates_per_epoch: 10
  updates_per_call: 5
  held_out_share: {held_out_share}
  schedule: {{updates_per_env_step: 0.5, first_updates: 20}}
agent:
  world_model: {{dynamics: {{members: 2, elites: 1, hidden: [8]}}}}
  planner: {{candidates: 8, elites: 2, iterations: 2, horizon: 3}}
  objective: {{particles: 2}}
evaluation: {{episodes: 1}}
"""


def small_run(rest: str, held_out_share: float = 0.1) -> str:
    """The recipe."""
    return SMALL_RUN.format(held_out_share=held_out_share) + rest.lstrip("\n")
