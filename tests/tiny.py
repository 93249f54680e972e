"""A whole experiment that takes a second: a cart-pole, two small networks, few candidates."""

from functools import partial
from typing import Any

import pytorch_lightning as pl
import torch

from fulgurite.agents.mpc import MPC
from fulgurite.agents.random import RandomAgent
from fulgurite.data.environments import Environment
from fulgurite.data.experience import Experience
from fulgurite.data.schedule import Schedule
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import cart_pole_balance_reward, cart_pole_balance_termination
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective
from fulgurite.runs.evaluation import Evaluation
from fulgurite.runs.experiment import Experiment


def tiny_agent() -> MPC:
    """PETS with two members of eight units."""
    dynamics = GaussianDynamics(4, 1, members=2, elites=1, hidden=(8,))
    world_model = WorldModel(dynamics, cart_pole_balance_reward, cart_pole_balance_termination)
    return MPC(world_model, CEM(candidates=8, elites=2, iterations=2, horizon=4), 1, Objective(particles=2))


def tiny_experience(environment: Environment, agent: MPC, **changes: Any) -> Experience:
    """Collections of 20 steps, with 20 updates after each."""
    arguments = {
        "max_env_steps": 80, "warmup_env_steps": 40, "env_steps_per_collection": 20, "base_policy": RandomAgent(1),
        "batch_size": 8, "schedule": Schedule(1.0, 20), "updates_per_epoch": 20, "updates_per_call": 5,
        "held_out_share": 0.34, "capacity": 1000,
    }  # fmt: skip
    return Experience(environment, agent, **{**arguments, **changes})


def tiny_experiment(seed: int = 0, callbacks: dict[str, pl.Callback] | None = None, **changes: Any) -> Experiment:
    """The experiment; `changes` are arguments of the experience."""
    torch.manual_seed(seed)
    environment = Environment("fulgurite/CartPoleBalance-v0", num_envs=2)
    agent = tiny_agent()
    trainer = partial(
        pl.Trainer, max_epochs=-1, accelerator="cpu", num_sanity_val_steps=0,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    return Experiment(
        seed=seed,
        environment=environment,
        experience=tiny_experience(environment, agent, seed=seed, **changes),
        agent=agent,
        evaluation=Evaluation(environment, episodes=3),
        callbacks=callbacks,
        trainer=trainer,
    )
