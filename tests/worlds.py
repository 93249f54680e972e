"""Doubles: small worlds whose answers are known exactly."""

import torch
from tensordict import TensorDict
from torch import Tensor

from fulgurite.models.dynamics import Dynamics


class Counter(Dynamics):
    """s' = s + a: what comes out can be counted on the fingers."""

    def loss(self, batch):
        return {}

    def sample_parameters(self, particles, generator=None):
        return None

    def predict(self, state, action, theta):
        raise NotImplementedError

    def step(self, state, action, theta, noise):
        return state + action


class Drift(Counter):
    """s' = s + c_e + sigma noise, with the drift c_e of member e: the spread of any propagation is known."""

    def __init__(self, drifts: Tensor, sigma: float = 0.0) -> None:
        super().__init__()
        self.drifts, self.sigma = drifts, sigma

    def sample_parameters(self, particles, generator=None):
        return self.drifts.repeat_interleave(particles // len(self.drifts))  # [P], sorted by member as an ensemble's

    def step(self, state, action, theta, noise):
        moved = state + theta.view(-1, *[1] * (state.dim() - 1))
        return moved if noise is None else moved + self.sigma * noise


class Linear(Counter):
    """s' = A s + B a."""

    def __init__(self, A: Tensor, B: Tensor) -> None:
        super().__init__()
        self.A, self.B = A, B

    def step(self, state, action, theta, noise):
        return state @ self.A.T + action @ self.B.T


def state_is_reward(state: Tensor, action: Tensor, next_state: Tensor) -> Tensor:
    """r = s'."""
    return next_state[..., 0]


def ends_above(limit: float):
    """Terminates where s' > limit."""
    return lambda next_state: (next_state[..., 0] > limit).float()


def bowl(target: Tensor):
    """-|a - target|^2 summed over the plan: the best plan is `target` `[H, A]`."""
    return lambda actions: -(actions - target).square().sum((-1, -2))


def transitions(state: Tensor, action: Tensor, next_state: Tensor, **entries: Tensor) -> TensorDict:
    """A batch of transitions with zero rewards, as the replay buffer hands them out."""
    none = torch.zeros(*state.shape[:-1], 1)
    following = {"observation": next_state, "reward": none, "terminated": none.bool(), **entries}
    return TensorDict({"observation": state, "action": action, "next": following}, state.shape[:-1])


def inferred(batch: TensorDict) -> TensorDict:
    """The batch with `state` and `next.state`, as a world model gives it to its parts."""
    batch["state"], batch["next", "state"] = batch["observation"], batch["next", "observation"]
    return batch
