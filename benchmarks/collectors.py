"""Environment steps a second by each way of collecting, for a cheap policy, an expensive planner and a slow simulator.

Workers are started before the clock; every way makes the same number of steps in several collections, and the best of
them counts, since the machine may be busy.
"""

import sys
import time
from argparse import Namespace
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import gymnasium

from fulgurite.agents.agent import Agent
from fulgurite.agents.mpc import MPC
from fulgurite.agents.random import RandomAgent
from fulgurite.data.collector import Collector, Task
from fulgurite.data.environments import Environment
from fulgurite.data.in_process import InProcess
from fulgurite.data.processes import Processes
from fulgurite.data.ray_workers import RayWorkers
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import cart_pole_balance_reward, cart_pole_balance_termination
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective
from fulgurite.runs.phases import Phases

from .table import machine
from .timing import use_threads

ROUNDS = 3
SLEEP = 0.005


class Slow(gymnasium.Wrapper):
    """A simulator that takes five milliseconds a step, as MuJoCo with pictures does."""

    def step(self, action: Any) -> Any:
        time.sleep(SLEEP)
        return self.env.step(action)


def slow_pendulum() -> gymnasium.Env:
    """Pendulum, slowly."""
    return Slow(gymnasium.make("Pendulum-v1"))


gymnasium.register("SlowPendulum-v0", slow_pendulum, disable_env_checker=True)


def planning_agent() -> MPC:
    """The sizes of `pets/cartpole`."""
    dynamics = GaussianDynamics(4, 1, members=5, hidden=(64, 64, 64))
    world_model = WorldModel(dynamics, cart_pole_balance_reward, cart_pole_balance_termination)
    return MPC(world_model, CEM(candidates=100, elites=10, iterations=3, horizon=20), 1, Objective(particles=5))


TASKS: dict[str, tuple[str, Callable[[], Agent], int]] = {  # the environment's id, the policy, steps a collection
    "random policy, Pendulum": ("Pendulum-v1", lambda: RandomAgent(1), 1600),
    "PETS planner, cart-pole": ("fulgurite/CartPoleBalance-v0", planning_agent, 160),
    "random policy, 5 ms a step": ("benchmarks.collectors:SlowPendulum-v0", lambda: RandomAgent(1), 320),
}
WAYS: dict[str, tuple[Callable[[], Collector], int]] = {  # the collector and num_envs of each worker
    "in process, num_envs 1": (InProcess, 1),
    "in process, num_envs 8": (InProcess, 8),
    "processes 2, num_envs 1": (lambda: Processes(2), 1),
    "processes 2, num_envs 4": (lambda: Processes(2), 4),
    "Ray 2, num_envs 1": (lambda: RayWorkers(2), 1),
    "Ray 2, num_envs 4": (lambda: RayWorkers(2), 4),
}


def steps_per_second(way: str, task: str) -> tuple[float, float]:
    """The best of several collections, and the seconds until the first one was in."""
    id, policy, frames = TASKS[task]
    make, num_envs = WAYS[way]
    agent = policy()
    collecting = make().start(
        Task(Environment(id, num_envs), lambda: agent, [agent], frames, seed=0, rank=0, phases=Phases()), None
    )
    try:
        began = time.perf_counter()
        collecting.collect()
        first = time.perf_counter() - began
        best = 0.0
        for _ in range(ROUNDS):
            began = time.perf_counter()
            rows, _ = collecting.collect()
            best = max(best, len(rows) / (time.perf_counter() - began))
    finally:
        collecting.close()
    return best, first - frames / best


def run(options: Namespace) -> str:
    """One row a way, one column a task."""
    use_threads(1)
    lines = [f"| steps a second | {' | '.join(TASKS)} | start, s |", "|---|" + "---|" * (len(TASKS) + 1)]
    for way in WAYS:
        if way.startswith("Ray") and find_spec("ray") is None:
            print(f"{way} is left out: pip install 'fulgurite[ray]'", file=sys.stderr)
            continue
        found = [steps_per_second(way, task) for task in TASKS]
        start = max(0.0, min(seconds for _, seconds in found))
        lines.append(f"| {way} | {' | '.join(f'{speed:,.0f}' for speed, _ in found)} | {start:.0f} |")
    return f"{machine()}\n\n" + "\n".join(lines)
