"""How long a planning step takes, by the number of states planned for at once; MPPI beside others', the same maths.

The world is that of `planner.py`: a 4-dimensional state, one action, a network of two hidden layers of 32.
"""

import sys
from argparse import Namespace
from collections.abc import Callable

import torch
from tensordict import TensorDict

from fulgurite.agents.mpc import MPC
from fulgurite.data.play import started
from fulgurite.models.deterministic import DeterministicDynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.gradient import GradientPlanner
from fulgurite.planners.icem import ICEM
from fulgurite.planners.mppi import MPPI
from fulgurite.planners.objective import Objective
from fulgurite.planners.planner import Planner
from fulgurite.planners.random_shooting import RandomShooting

from .mppi_peers import pytorch_mppi, torchrl_mppi
from .planner import ACTION, STATE, Change, ours, reward
from .table import Row, compared, duration, machine, markdown, save
from .timing import Rounds, alternate, timed, typical, use_threads

BATCHES = (1, 8, 32)
PLANNERS: dict[str, Planner] = {
    "iCEM 40 / 10 / 3, H 20": ICEM(40, 10, 3, 20),
    "MPPI 500, H 20": MPPI(500, 1, 20),
    "CEM 400 / 40 / 5, H 25": CEM(400, 40, 5, 25),
    "random shooting 500, H 20": RandomShooting(500, 20),
    "gradient 16 starts, 5 iterations, H 20": GradientPlanner(16, 5, 20),
}
CANDIDATES, HORIZON, WIDTH = 500, 30, 32
ROUNDS = 9


def planning(dynamics: DeterministicDynamics, planner: Planner, batch: int) -> Callable[[], object]:
    """One step of the MPC agent for so many states."""
    agent = MPC(WorldModel(dynamics, reward), planner, ACTION, Objective(particles=1))
    memory = started(agent, batch)
    memory["observation"] = torch.full((batch, STATE), 0.5)
    return lambda: agent(TensorDict(memory.to_dict(), [batch]))


def by_batch(threads: int) -> str:
    """Milliseconds a planning step, by planner and number of states."""
    use_threads(threads)
    dynamics, _ = ours(WIDTH)
    lines = [
        "| planner | threads | " + " | ".join(f"{batch} states" for batch in BATCHES) + " |",
        "|---|---|" + "---|" * len(BATCHES),
    ]
    for name, planner in PLANNERS.items():
        chunks = {str(batch): timed(planning(dynamics, planner, batch), 2) for batch in BATCHES}
        rounds = alternate(chunks, ROUNDS)
        times = " | ".join(duration(typical(rounds[str(batch)]).wall) for batch in BATCHES)
        lines.append(f"| {name} | {threads} | {times} |")
    return "\n".join(lines)


def measure(iterations: int) -> Rounds:
    """Times of one MPPI plan: ours, TorchRL's and pytorch-mppi's."""
    dynamics, _ = ours(WIDTH)
    change, state = Change(dynamics), torch.full((STATE,), 0.5)
    rivals: dict[str, Callable[[], object]] = {
        "ours": planning(dynamics, MPPI(CANDIDATES, iterations, HORIZON), 1),
        "TorchRL": torchrl_mppi(change, reward, state, CANDIDATES, HORIZON, iterations),
    }
    other = pytorch_mppi(change, reward, state, CANDIDATES, HORIZON, iterations)
    if other is None:
        print("pytorch-mppi is left out: pip install pytorch-mppi==0.9.1", file=sys.stderr)
    else:
        rivals["pytorch-mppi"] = other
    return alternate({name: timed(work, 3) for name, work in rivals.items()}, ROUNDS)


def rows(threads: int) -> list[Row]:
    """MPPI against both, with one iteration as in the paper and with five."""
    use_threads(threads)
    found = []
    for iterations in (1, 5):
        rounds = measure(iterations)
        what = f"MPPI {CANDIDATES}, H {HORIZON}, iterations {iterations}"
        for peer in [name for name in rounds if name != "ours"]:
            found.append(compared(f"{what}: {peer} / ours", threads, rounds, "ours", peer, ">= 1", speedup=True))
    return found


def run(options: Namespace) -> str:
    """Both tables for every number of threads asked for."""
    found = [row for threads in options.threads for row in rows(threads)]
    save(options.out, "planner_latency", found)
    return "\n\n".join([machine(), *(by_batch(threads) for threads in options.threads), markdown(found)])
