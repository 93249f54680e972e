"""MPPI as others wrote it: TorchRL's MPPIPlanner and pytorch-mppi, over given dynamics and reward."""

from collections.abc import Callable

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import Tensor, nn
from torchrl.modules import MPPIPlanner

from .torchrl_cem import Imagined

Reward = Callable[[Tensor, Tensor, Tensor], Tensor]


class SumOfRewards(nn.Module):
    """What TorchRL calls the advantage of a candidate; it takes that of the first step."""

    def forward(self, td: TensorDictBase) -> TensorDictBase:
        total = td["next", "reward"].sum(-2, keepdim=True)  # [B, N, 1, 1]
        td["advantage"] = (total - total.amax(-3, keepdim=True)).expand_as(td["next", "reward"])
        return td


def torchrl_mppi(
    change: nn.Module, reward: Reward, state: Tensor, candidates: int, horizon: int, iterations: int
) -> Callable[[], object]:
    """One planning step from a state `[S]`, all candidates weighted."""

    def outcome(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        following = change(state, action)
        return following, reward(state, action, following)[..., None]

    step = TensorDictModule(outcome, in_keys=["observation", "action"], out_keys=["observation", "reward"])
    env = Imagined(TensorDictSequential(step), len(state), 1)
    planner = MPPIPlanner(env, SumOfRewards(), 1.0, horizon, iterations, candidates, candidates)

    @torch.no_grad()
    def plan() -> TensorDictBase:
        return planner(TensorDict({"observation": state[None]}, [1]))

    return plan


def pytorch_mppi(
    change: nn.Module, reward: Reward, state: Tensor, candidates: int, horizon: int, iterations: int
) -> Callable[[], object] | None:
    """One planning step from a state `[S]`, the same plan refined; None where the package is not installed.

    Its cost is of the state before the step, so the reward is asked for there: the same work.
    """
    try:
        from pytorch_mppi import MPPI
    except ImportError:
        return None

    def cost(state: Tensor, action: Tensor) -> Tensor:
        return -reward(state, action, state)

    controller = MPPI(
        change, cost, len(state), torch.eye(1), num_samples=candidates, horizon=horizon,
        u_min=-torch.ones(1), u_max=torch.ones(1),
    )  # fmt: skip

    @torch.no_grad()
    def plan() -> None:
        controller.command(state)
        for _ in range(iterations - 1):
            controller.command(state, shift_nominal_trajectory=False)

    return plan
