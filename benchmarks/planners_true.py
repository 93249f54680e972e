"""Every planner on Pendulum-v1's true equations of motion, beside the optimum by dynamic programming.

The 50 starts are the reset seeds 300000, 300001, ...; what a planner misses here it cannot blame on a model. The
horizon is finite and nothing is known about what comes after it, so a perfect search has a regret too.
"""

import json
import statistics
import time
from argparse import Namespace
from typing import Any

import torch

from fulgurite.agents.mpc import MPC
from fulgurite.data.environments import Environment
from fulgurite.data.play import play
from fulgurite.models.known import pendulum_reward
from fulgurite.models.physics import PendulumPhysics
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.gradient import GradientPlanner
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.objective import Objective
from fulgurite.planners.planner import Planner
from fulgurite.planners.random_shooting import RandomShooting

from .pendulum_optimum import optimal_returns
from .table import machine
from .timing import use_threads

STARTS = range(300_000, 300_050)  # none that a setting was chosen on
STEPS = 200


def mppi(candidates: int, horizon: int) -> MPPI:
    """As `recipes/mppi/pendulum.yaml` sets it: slow noise."""
    return MPPI(candidates, 1, horizon, temperature=0.05, initial_std=1.0, exponent=3.0)


# name, planner, and the regret of the same row in a table of others' making (-138.9 there), where there is one
ROWS: list[tuple[str, Planner, float | None]] = [
    ("iCEM 40 / 10 / 3, H 20", ICEM(40, 10, 3, 20), 8.1),
    ("iCEM 40 / 10 / 3, H 30", ICEM(40, 10, 3, 30), 12.1),
    ("iCEM 100 / 10 / 5, H 30", ICEM(100, 10, 5, 30), 18.1),
    ("MPPI 500, H 20", mppi(500, 20), 8.1),
    ("MPPI 500, H 30, 3 iterations, white noise", MPPI(500, 3, 30, temperature=0.1), 12.1),
    ("MPPI 100, H 15", mppi(100, 15), 27.1),
    ("gradient 16 starts, 5 iterations, H 20", GradientPlanner(16, 5, 20), None),
    ("gradient 1 start, 20 iterations, H 20", GradientPlanner(1, 20, 20), None),
    ("CEM 400 / 40 / 5, H 30", CEM(400, 40, 5, 30), 14.1),
    ("CEM 400 / 40 / 5, H 25", CEM(400, 40, 5, 25), 21.1),
    ("CEM 100 / 10 / 5, H 20", CEM(100, 10, 5, 20), 47.1),
    ("CEM 100 / 10 / 5, H 15", CEM(100, 10, 5, 15), 190.1),
    ("random shooting 500, H 20", RandomShooting(500, 20), None),
    ("random shooting 500, H 15", RandomShooting(500, 15), 46.1),
    ("random shooting 100, H 15", RandomShooting(100, 15), 67.1),
    ("random shooting 2000, H 30", RandomShooting(2000, 30), 59.1),
]


def evaluations(planner: Planner) -> int:
    """How many plans a search tries; a gradient step counts as one, though it costs about three."""
    match planner:
        case ICEM(sizes=sizes):
            return sum(sizes) + planner.kept
        case GradientPlanner(restarts=restarts, iterations=iterations):
            return restarts * (iterations + 1)
        case CEM() | MPPI():
            return planner.candidates * planner.iterations
        case RandomShooting(candidates=candidates):
            return candidates
    raise TypeError(f"planner: how many plans does {type(planner).__name__} try?")


def measure(name: str, planner: Planner, seed: int, environment: Environment) -> dict[str, Any]:
    """The returns from all starts, planned for at once, with a planner's seed."""
    agent = MPC(WorldModel(PendulumPhysics(), pendulum_reward), planner, 1, Objective(particles=1))
    began = time.process_time()
    with agent.seeded(seed):
        played = play(environment, agent, list(STARTS))
    seconds = (time.process_time() - began) / STEPS / len(STARTS)
    starts = torch.stack([episode.transitions["observation"][0] for episode in played])
    returns = [episode.return_ for episode in played]
    return {"planner": name, "seed": seed, "returns": returns, "seconds": seconds, "starts": starts.tolist()}


def line(name: str, planner: Planner, found: list[dict[str, Any]], optimum: float, theirs: float | None) -> str:
    """A row: the mean over starts and seeds, its range over seeds, the regret, and theirs."""
    means = [statistics.mean(one["returns"]) for one in found]
    mean = statistics.mean(means)
    milliseconds = 1000 * statistics.mean(one["seconds"] for one in found)
    reference = "" if theirs is None else f"{theirs:.1f}"
    spread = f"{min(means):.1f} to {max(means):.1f}"
    cells = [
        name,
        evaluations(planner),
        f"{mean:.1f}",
        spread,
        f"{optimum - mean:.1f}",
        reference,
        f"{milliseconds:.2f}",
    ]
    return f"| {' | '.join(map(str, cells))} |"


def run(options: Namespace) -> str:
    """The table; all returns go to a JSON file."""
    use_threads(options.threads[0])
    environment = Environment("Pendulum-v1")
    found = {
        name: [measure(name, planner, seed, environment) for seed in range(options.seeds)] for name, planner, _ in ROWS
    }
    starts = torch.tensor(found[ROWS[0][0]][0]["starts"])
    optimum = optimal_returns(starts).mean().item()
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "planners_true.json").write_text(
        json.dumps({"machine": machine(), "optimum": optimum, "rows": list(found.values())}) + "\n"
    )
    head = "| planner (candidates / elites / iterations) | plans a step | mean return | over planner seeds | regret | "
    head += "reference's regret | ms a step and state |\n|---|---|---|---|---|---|---|\n"
    rows = "\n".join(line(name, planner, found[name], optimum, theirs) for name, planner, theirs in ROWS)
    return f"{machine()}; optimum {optimum:.1f}, {options.seeds} planner seeds\n\n{head}{rows}"
