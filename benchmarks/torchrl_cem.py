"""TorchRL's CEMPlanner over a model-based environment with given dynamics and reward."""

from collections.abc import Callable

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule, TensorDictSequential
from torch import Tensor, nn
from torchrl.data import Bounded, Composite, Unbounded
from torchrl.envs import ModelBasedEnvBase
from torchrl.modules import CEMPlanner


class Imagined(ModelBasedEnvBase):
    """An environment whose step is `world_model`; it is never reset, since planning starts from a given state."""

    def __init__(self, world_model: TensorDictSequential, state_size: int, action_size: int) -> None:
        super().__init__(world_model, batch_size=[])
        self.observation_spec = Composite(observation=Unbounded((state_size,)))
        self.state_spec = Composite(observation=Unbounded((state_size,)))
        self.action_spec = Bounded(-1, 1, (action_size,))
        self.reward_spec = Unbounded((1,))

    def _reset(self, tensordict: TensorDictBase | None) -> TensorDictBase:
        raise NotImplementedError


def torchrl_planner(
    change: nn.Module, reward: Callable[[Tensor, Tensor, Tensor], Tensor], width: int
) -> Callable[[], object]:
    """One planning step from the state 0.5, ..., 0.5."""
    from .planner import ACTION, CANDIDATES, ELITES, HORIZON, ITERATIONS, STATE

    def outcome(state: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
        following = change(state, action)
        return following, reward(state, action, following)[..., None]

    step = TensorDictModule(outcome, in_keys=["observation", "action"], out_keys=["observation", "reward"])
    env = Imagined(TensorDictSequential(step), STATE, ACTION)
    planner = CEMPlanner(env, HORIZON, ITERATIONS, CANDIDATES, ELITES)
    observation = torch.full((1, STATE), 0.5)

    @torch.no_grad()
    def plan() -> TensorDictBase:
        return planner(TensorDict({"observation": observation}, [1]))

    return plan
