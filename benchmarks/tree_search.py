"""A tree search's time: 32 roots, 50 simulations, 2 actions, a network of 64 units for the model, priors and values.

mctx 0.0.71, compiled by XLA, took 16.7 ms for the same sizes on two cores; it is not run here, and the targets, five
times that eager and twice compiled, are on another machine's clock.
"""

from argparse import Namespace
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fulgurite.models.rules import OnePlayer
from fulgurite.planners.tree_search import Problem, TreeSearch
from fulgurite.planners.tree_search_gumbel import GumbelSearch
from fulgurite.planners.tree_search_puct import PUCT
from fulgurite.planners.tree_search_uct import UCT

from .table import duration, machine
from .timing import alternate, timed, typical, use_threads

ROOTS, SIMULATIONS, ACTIONS, STATE, WIDTH = 32, 50, 2, 4, 64
ROUNDS = 15
MCTX = 16.7e-3  # s


def problem() -> Problem:
    """A model with one hidden layer, and a network of policy and value with one."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(STATE + ACTIONS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, STATE + 1))
    network = nn.Sequential(nn.Linear(STATE, WIDTH), nn.ReLU(), nn.Linear(WIDTH, ACTIONS + 1))

    def simulate(state: Tensor, action: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        output = model(torch.cat([state, action], -1))
        reward = output[..., STATE]
        return state + output[..., :STATE], reward, torch.ones_like(reward)

    def evaluate(state: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor]:
        output = network(state)
        return output[..., :ACTIONS], output[..., ACTIONS]

    rules = OnePlayer(ACTIONS)
    return Problem(simulate, evaluate, rules.legal, rules.to_play)


def searched(search: TreeSearch) -> Callable[[], object]:
    """One search from all roots."""
    world, roots, generator = problem(), torch.randn(ROOTS, STATE), torch.Generator().manual_seed(0)
    return lambda: search.search(roots, world, generator)


def run(options: Namespace) -> str:
    """The table."""
    lines = ["| search | threads | wall | CPU | target | met |", "|---|---|---|---|---|---|"]
    for threads in options.threads:
        use_threads(threads)
        work = {
            (kind.__name__, compiled): timed(searched(kind(simulations=SIMULATIONS, compiled=compiled)), 1)
            for kind in (UCT, PUCT, GumbelSearch)
            for compiled in (False, True)
        }
        torch.compiler.reset()  # what was compiled for another number of threads
        for (name, compiled), rounds in alternate(work, ROUNDS).items():
            times, target = typical(rounds), (2 if compiled else 5) * MCTX
            met = "yes" if times.wall <= target else "no"
            took = f"{duration(times.wall)} | {duration(times.cpu)} | {duration(target)} | {met} |"
            lines.append(f"| {name}{', compiled' * compiled} | {threads} | {took}")
    return f"{machine()}\n\n" + "\n".join(lines)
