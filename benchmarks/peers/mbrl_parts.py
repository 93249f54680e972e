"""The parts of mbrl-lib that the comparisons share, with the values of its own YAML files. Runs in its environment."""

import json
import os
import sys
import warnings
from time import perf_counter, process_time

warnings.filterwarnings("ignore")

import omegaconf  # noqa: E402
import torch  # noqa: E402

torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def config(members=7, elites=5, width=200, depth=4, batch_size=256, population=350, iterations=5, particles=20, seed=0):
    """`pets.yaml`, `gaussian_mlp_ensemble.yaml`, `cem.yaml` and `overrides/pets_cartpole.yaml`, composed."""
    return omegaconf.OmegaConf.create(
        {
            "seed": seed,
            "device": "cpu",
            "dynamics_model": {
                "_target_": "mbrl.models.GaussianMLP",
                "_recursive_": False,
                "device": "cpu",
                "num_layers": depth,
                "in_size": 5,
                "out_size": 4,
                "ensemble_size": members,
                "hid_size": width,
                "deterministic": False,
                "propagation_method": "random_model",
                "learn_logvar_bounds": False,
                "activation_fn_cfg": {"_target_": "torch.nn.SiLU"},
            },
            "algorithm": {
                "name": "pets",
                "agent": {
                    "_target_": "mbrl.planning.TrajectoryOptimizerAgent",
                    "_recursive_": False,
                    "action_lb": "???",
                    "action_ub": "???",
                    "planning_horizon": 15,
                    "optimizer_cfg": {
                        "_target_": "mbrl.planning.CEMOptimizer",
                        "_recursive_": False,
                        "num_iterations": iterations,
                        "elite_ratio": 0.1,
                        "population_size": population,
                        "alpha": 0.1,
                        "lower_bound": "???",
                        "upper_bound": "???",
                        "return_mean_elites": True,
                        "device": "cpu",
                        "clipped_normal": False,
                    },
                    "replan_freq": 1,
                    "verbose": False,
                },
                "normalize": True,
                "normalize_double_precision": True,
                "target_is_delta": True,
                "initial_exploration_steps": 200,
                "freq_train_model": 50,
                "learned_rewards": False,
                "num_particles": particles,
            },
            "overrides": {
                "env": "cartpole_continuous",
                "trial_length": 200,
                "num_steps": 5000,
                "num_elites": elites,
                "model_lr": 7.5e-4,
                "model_wd": 3e-5,
                "model_batch_size": batch_size,
                "validation_ratio": 0,
                "freq_train_model": 50,
                "patience": 25,
                "num_epochs_train_model": 25,
            },
        }
    )


def serve(work, repeats, pieces=1):
    """Does `work` `repeats` times for each line that comes in, and answers with the times of one of its `pieces`."""
    print(json.dumps({"ready": 1}), flush=True)
    for _ in sys.stdin:
        wall, cpu = perf_counter(), process_time()
        for _ in range(repeats):
            work()
        spent = {"wall": (perf_counter() - wall) / repeats / pieces, "cpu": (process_time() - cpu) / repeats / pieces}
        print(json.dumps(spent), flush=True)
