"""mbrl-lib's model training: `ModelTrainer.train` on its bootstrap iterator, without evaluation.

Arguments: width, depth, batch size, updates a chunk.
"""

import sys

import mbrl.models
import mbrl.util.common
import mbrl.util.replay_buffer
import numpy as np
from mbrl_parts import config, serve

width, depth, batch_size, steps = (int(argument) for argument in sys.argv[1:])
cfg = config(members=5, elites=5, width=width, depth=depth, batch_size=batch_size)
model = mbrl.util.common.create_one_dim_tr_model(cfg, (4,), (1,))
rng = np.random.default_rng(0)
size = batch_size * steps  # so one epoch is one chunk
buffer = mbrl.util.replay_buffer.ReplayBuffer(size, (4,), (1,), obs_type=np.double, action_type=np.double, rng=rng)
observation, action = rng.standard_normal((size, 4)), rng.uniform(-1, 1, (size, 1))
never = np.zeros(size, dtype=bool)
buffer.add_batch(observation, action, observation + 0.1 * rng.standard_normal((size, 4)), np.ones(size), never, never)
model.update_normalizer(buffer.get_all())
trainer = mbrl.models.ModelTrainer(model, optim_lr=cfg.overrides.model_lr, weight_decay=cfg.overrides.model_wd)
data, _ = mbrl.util.common.get_basic_buffer_iterators(buffer, batch_size, 0, ensemble_size=5)


def epoch():
    trainer.train(data, num_epochs=1, evaluate=False, silent=True)


serve(epoch, repeats=1, pieces=steps)
