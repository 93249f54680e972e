"""CEM over a learned model: ours, TorchRL's CEMPlanner, and a loop written by hand, all with the same maths.

500 candidates, horizon 30, 5 iterations, 50 elites, one state of 4 dimensions and one action; a network of two hidden
layers predicts the standardised change of the state; the reward is a quadratic function.
"""

from argparse import Namespace
from collections.abc import Callable

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from fulgurite.agents.mpc import MPC
from fulgurite.models.deterministic import DeterministicDynamics
from fulgurite.models.world_model import WorldModel
from fulgurite.planners.cem import CEM
from fulgurite.planners.objective import Objective

from .table import Row, compared, tables
from .timing import Rounds, alternate, timed, use_threads
from .torchrl_cem import torchrl_planner

CANDIDATES, ELITES, ITERATIONS, HORIZON = 500, 50, 5, 30
STATE, ACTION = 4, 1
TARGETS = {32: ">= 4", 200: ">= 1.7"}  # against TorchRL, by width
ROUNDS = 15


def reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """Stay at the origin with little effort: `[*B]`."""
    return -next_state.square().sum(-1) - 0.01 * action.square().sum(-1)


def ours(width: int) -> tuple[DeterministicDynamics, Callable[[], object]]:
    """The model, and one planning step of the MPC agent on it."""
    torch.manual_seed(0)
    dynamics = DeterministicDynamics(STATE, ACTION, members=1, hidden=(width, width))
    dynamics.input_normalizer.update(torch.randn(1000, STATE + ACTION) * 2 + 0.1)
    dynamics.change_normalizer.update(torch.randn(1000, STATE) * 0.1)
    planner = CEM(CANDIDATES, ELITES, ITERATIONS, HORIZON)
    agent = MPC(WorldModel(dynamics, reward), planner, ACTION, Objective(particles=1))
    observation = torch.full((1, STATE), 0.5)
    fresh = {"observation": observation, "is_init": torch.ones(1, 1, dtype=torch.bool)}
    return dynamics, lambda: agent(TensorDict({**fresh, "plan": torch.zeros(1, HORIZON, ACTION)}, [1]))


class Change(nn.Module):
    """What `dynamics` computes, as anyone would write it: state `[N, S]`, action `[N, A]` -> next state."""

    def __init__(self, dynamics: DeterministicDynamics) -> None:
        super().__init__()
        # plain tensors, [out, in] and [out], so that a look-up costs nothing
        weights, biases = dynamics.network.weights, dynamics.network.biases
        self.layers = [(w[0].detach(), b[0, 0].detach()) for w, b in zip(weights, biases, strict=True)]
        self.mean_in, self.std_in = dynamics.input_normalizer.mean, dynamics.input_normalizer.std
        self.mean, self.std = dynamics.change_normalizer.mean, dynamics.change_normalizer.std

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        x = (torch.cat([state, action], -1) - self.mean_in) / self.std_in
        for weight, bias in self.layers[:-1]:
            x = silu(linear(x, weight, bias), inplace=True)
        return state + linear(x, *self.layers[-1]) * self.std + self.mean


def by_hand(change: Change) -> Callable[[], object]:
    """The same search in one function, without a framework."""
    start = torch.full((STATE,), 0.5)

    @torch.no_grad()
    def plan() -> Tensor:
        mean, std = torch.zeros(HORIZON, ACTION), torch.full((HORIZON, ACTION), 0.5)
        for _ in range(ITERATIONS):
            actions = (mean + std * torch.randn(CANDIDATES, HORIZON, ACTION)).clamp_(-1, 1)
            state, returns = start.expand(CANDIDATES, STATE), torch.zeros(CANDIDATES)
            for t in range(HORIZON):
                action = actions[:, t]
                following = change.forward(state, action)
                returns += reward(state, action, following)
                state = following
            elites = actions[returns.nan_to_num(-torch.inf).topk(ELITES).indices]
            mean = mean.lerp(elites.mean(0), 0.9)
            std = std.lerp(elites.std(0, unbiased=False), 0.9).clamp_min(0.05)
        return mean[0]

    return plan


def measure(width: int) -> Rounds:
    """Times of one plan."""
    dynamics, plan = ours(width)
    change = Change(dynamics)
    rivals = {"ours": plan, "by hand": by_hand(change), "TorchRL": torchrl_planner(change, reward, width)}
    return alternate({name: timed(work, 3) for name, work in rivals.items()}, ROUNDS)


def rows(threads: int) -> list[Row]:
    """Against both, with a small and a usual network."""
    use_threads(threads)
    found = []
    for width, target in TARGETS.items():
        rounds = measure(width)
        size = f"CEM plan, 2 x {width} network"
        found.append(compared(f"{size}: TorchRL / ours", threads, rounds, "ours", "TorchRL", target, speedup=True))
        found.append(compared(f"{size}: ours / by hand", threads, rounds, "ours", "by hand", "<= 1.15", speedup=False))
    return found


def run(options: Namespace) -> str:
    """The table."""
    return tables("planner", rows, options)
