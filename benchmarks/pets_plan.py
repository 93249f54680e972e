"""A PETS planning step on cart-pole: ours, mbrl-lib's, and what the machine's matmul could do.

350 candidates, horizon 15, 5 iterations, 20 particles, 5 elites of 7 members of 4 x 200 (525,000 model transitions),
with the task's known reward and termination. mbrl-lib plans by TS-1 as shipped; ours by TS-infinity and TS-1.
"""

from argparse import Namespace
from collections.abc import Callable
from itertools import pairwise

import torch
from tensordict import TensorDict

from fulgurite.agents.mpc import MPC
from fulgurite.imagination import TS1, Propagation, TSInfinity
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import cart_pole_balance_reward, cart_pole_balance_termination
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective

from .peer import Peer, available
from .table import Row, compared, tables
from .timing import Chunk, Rounds, Times, alternate, timed, typical, use_threads

CANDIDATES, ITERATIONS, HORIZON, PARTICLES, ELITES, MEMBERS, HIDDEN = 350, 5, 15, 20, 5, 7, (200,) * 4
STATE, ACTION = 4, 1
TRANSITIONS = CANDIDATES * ITERATIONS * HORIZON * PARTICLES
SIZES = [STATE + ACTION, *HIDDEN, 2 * STATE]
OPERATIONS = 2 * sum(a * b for a, b in pairwise(SIZES))  # of one transition through the network
ROWS = CANDIDATES * PARTICLES // ELITES  # of one member
TARGETS = {"float32": (">= 1.6", ">= 0.8"), "bfloat16": (">= 2.5", ">= 0.5")}  # against mbrl-lib, against matmul
ROUNDS = 7


def ours(precision: str, propagation: Propagation) -> Callable[[], object]:
    """One planning step of the MPC agent."""
    torch.manual_seed(0)
    dynamics = GaussianDynamics(STATE, ACTION, MEMBERS, ELITES, HIDDEN)
    dynamics.input_normalizer.update(torch.randn(1000, STATE + ACTION))
    dynamics.change_normalizer.update(torch.randn(1000, STATE) * 0.02)
    world_model = WorldModel(dynamics, cart_pole_balance_reward, cart_pole_balance_termination)
    planner = CEM(CANDIDATES, CANDIDATES // 10, ITERATIONS, HORIZON)
    agent = MPC(world_model, planner, ACTION, Objective(PARTICLES, propagation), precision)
    fresh = {"observation": torch.full((1, STATE), 0.01), "is_init": torch.ones(1, 1, dtype=torch.bool)}
    return lambda: agent(TensorDict({**fresh, "plan": torch.zeros(1, HORIZON, ACTION)}, [1]))


def matmul(precision: str) -> Chunk:
    """The time that the network's operations of one plan take at the rate of the hidden layers' batched matmul."""
    dtype = getattr(torch, precision)
    width = HIDDEN[0]
    x = torch.randn(ELITES, ROWS, width).to(dtype)
    weight, out = torch.randn(ELITES, width, width).to(dtype), torch.empty_like(x)
    chunk = timed(lambda: torch.bmm(x, weight, out=out), 40)
    calls = OPERATIONS * TRANSITIONS / (2 * ELITES * ROWS * width * width)

    def scaled() -> Times:
        times = chunk()
        return Times(times.wall * calls, times.cpu * calls)

    return scaled


def measure() -> Rounds:
    """Times of one plan."""
    peer = Peer("mbrl_plan.py", "random_model") if available() else None
    contestants: dict[str, Chunk] = {} if peer is None else {"mbrl-lib": peer}
    for precision in TARGETS:
        contestants[precision] = timed(ours(precision, TSInfinity()), 1)
        contestants[f"{precision} TS-1"] = timed(ours(precision, TS1()), 1)
        contestants[f"{precision} matmul"] = matmul(precision)
    try:
        return alternate(contestants, ROUNDS)
    finally:
        if peer is not None:
            peer.close()


def rows(threads: int) -> list[Row]:
    """Against mbrl-lib and against the matmul rate, in both precisions."""
    use_threads(threads)
    rounds = measure()
    found = []
    for precision, (faster, share) in TARGETS.items():
        rate = OPERATIONS * TRANSITIONS / typical(rounds[f"{precision} matmul"]).wall / 1e9
        for name, what in ((precision, "TS-infinity"), (f"{precision} TS-1", "TS-1")):
            plan = f"PETS plan, {precision}, {what}"
            if "mbrl-lib" in rounds:
                against = f"{plan}: mbrl-lib / ours"
                found.append(compared(against, threads, rounds, name, "mbrl-lib", faster, speedup=True))
            against = f"{plan}: share of the matmul rate ({rate:.0f} GFLOP/s)"
            found.append(compared(against, threads, rounds, name, f"{precision} matmul", share, speedup=True))
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("pets_plan", rows, options)
