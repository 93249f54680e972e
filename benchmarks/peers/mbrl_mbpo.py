"""mbrl-lib's MBPO inner loop: `rollout_model_and_populate_sac_buffer` once, then SAC updates from that buffer.

Arguments: width and depth of the model, width of policy and values, rollouts, their length, batch size, updates.
"""

import sys
from types import SimpleNamespace

import gymnasium
import mbrl.algorithms.mbpo
import mbrl.env.reward_fns
import mbrl.env.termination_fns
import mbrl.models
import mbrl.third_party.pytorch_sac_pranz24 as pytorch_sac
import mbrl.util.common
import mbrl.util.replay_buffer
import numpy as np
from mbrl.planning.sac_wrapper import SACAgent
from mbrl_parts import config, serve

width, depth, hidden, rollouts, length, batch_size, updates = (int(argument) for argument in sys.argv[1:])
cfg = config(members=7, elites=5, width=width, depth=depth)
model = mbrl.util.common.create_one_dim_tr_model(cfg, (4,), (1,))
model.set_elite(range(5))
rng = np.random.default_rng(0)
one = gymnasium.spaces.Box(-1.0, 1.0, (1,))
settings = SimpleNamespace(
    gamma=0.99, tau=0.005, alpha=0.2, policy="Gaussian", target_update_interval=1, automatic_entropy_tuning=True,
    target_entropy=-1, hidden_size=hidden, device="cpu", lr=3e-4,
)  # fmt: skip
agent = SACAgent(pytorch_sac.SAC(4, one, settings))
env = SimpleNamespace(observation_space=gymnasium.spaces.Box(-1.0, 1.0, (4,)), action_space=one)
model_env = mbrl.models.ModelEnv(env, model, mbrl.env.termination_fns.cartpole, mbrl.env.reward_fns.cartpole)
seen = mbrl.util.replay_buffer.ReplayBuffer(5000, (4,), (1,), rng=rng)
state, never = 0.02 * rng.standard_normal((5000, 4)), np.zeros(5000, dtype=bool)
action = rng.uniform(-1, 1, (5000, 1))
seen.add_batch(state, action, state + 0.002 * rng.standard_normal((5000, 4)), np.ones(5000), never, never)
model.update_normalizer(seen.get_all())
dreamt = mbrl.util.replay_buffer.ReplayBuffer(100_000, (4,), (1,), rng=rng)


def loop():
    mbrl.algorithms.mbpo.rollout_model_and_populate_sac_buffer(model_env, seen, agent, dreamt, True, length, rollouts)
    for update in range(updates):
        agent.sac_agent.update_parameters(dreamt, batch_size, update, None, reverse_mask=True)


serve(loop, repeats=1, pieces=updates)
