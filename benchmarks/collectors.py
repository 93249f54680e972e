"""Environment steps a second by each way of collecting, for a cheap policy, an expensive planner and a slow simulator.

Workers are started before the clock, and the ways take turns, so that whatever else the machine does hits all alike.
"""

import os
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
from fulgurite.data.collector import Collecting, Collector, Task
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
from .timing import Rounds, alternate, ratio, timed, typical, use_threads

ROUNDS = 9
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
    "processes 2, num_envs 4": (lambda: Processes(2), 4),
    "Ray 2, num_envs 4": (lambda: RayWorkers(2), 4),
}


def started(way: str, task: str) -> Collecting:
    """A way of collecting, after its first collection."""
    id, policy, frames = TASKS[task]
    make, num_envs = WAYS[way]
    agent = policy()
    what = Task(Environment(id, num_envs), lambda: agent, [agent], frames, seed=0, rank=0, phases=Phases())
    collecting = make().start(what, None)
    collecting.collect()
    return collecting


def measure(ways: list[str], task: str) -> tuple[Rounds, dict[str, float]]:
    """Times of a collection of each way, taking turns, and the seconds that each took to start."""
    running: dict[str, Collecting] = {}
    starts = {}
    try:
        for way in ways:
            began = time.perf_counter()
            running[way] = started(way, task)
            starts[way] = time.perf_counter() - began
        chunks = {way: timed(collecting.collect, 1) for way, collecting in running.items()}
        return alternate(chunks, ROUNDS), starts
    finally:
        for collecting in running.values():
            collecting.close()


def run(options: Namespace) -> str:
    """One row a way, one column a task: steps a second, and the ratio to one environment in process."""
    use_threads(1)
    ways = [way for way in WAYS if not way.startswith("Ray") or find_spec("ray") is not None]
    if len(ways) < len(WAYS):
        print("Ray is left out: pip install 'fulgurite[ray]'", file=sys.stderr)
    cells: dict[str, list[str]] = {way: [] for way in ways}
    starts: dict[str, float] = {}
    for task, (_, _, frames) in TASKS.items():
        rounds, took = measure(ways, task)
        for way in ways:
            speedup = ratio(rounds[ways[0]], rounds[way]).wall
            cells[way].append(f"{frames / typical(rounds[way]).wall:,.0f} ({speedup:.2f})")
            starts[way] = min(took[way], starts.get(way, took[way]))
    lines = [
        f"| steps a second (ratio) | {' | '.join(TASKS)} | first collection, s |",
        "|---|" + "---|" * (len(TASKS) + 1),
    ]
    lines += [f"| {way} | {' | '.join(found)} | {starts[way]:.1f} |" for way, found in cells.items()]
    load = f"load {os.getloadavg()[1]:.1f} over the last five minutes"
    return f"{machine()}, {load}\n\n" + "\n".join(lines)
