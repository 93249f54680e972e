"""mbrl-lib's planning step on cart-pole: `TrajectoryOptimizerAgent.act` with CEM over its `ModelEnv`.

Argument: propagation, `random_model` (TS-1) or `fixed_model` (TS-infinity).
"""

import sys

import mbrl.env.cartpole_continuous
import mbrl.env.reward_fns
import mbrl.env.termination_fns
import mbrl.models
import mbrl.planning
import mbrl.util.common
import numpy as np
from mbrl_parts import config, serve

cfg = config()
cfg.dynamics_model.propagation_method = sys.argv[1]
model = mbrl.util.common.create_one_dim_tr_model(cfg, (4,), (1,))
model.set_elite(range(5))
env = mbrl.env.cartpole_continuous.CartPoleEnv()
model_env = mbrl.models.ModelEnv(env, model, mbrl.env.termination_fns.cartpole, mbrl.env.reward_fns.cartpole)
agent = mbrl.planning.create_trajectory_optim_agent_for_model(
    model_env, cfg.algorithm.agent, num_particles=cfg.algorithm.num_particles
)
observation = np.array([0.01, 0.0, 0.02, 0.0], dtype=np.float32)
serve(lambda: agent.act(observation), repeats=1)
