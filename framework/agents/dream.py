"""A policy in the model: imagined rollouts, and what they say it is worth.

    J(s_0) = E[ sum_{t < H} w_t r_t + w_H V(s_H) ]        w_0 = 1,  w_{t+1} = w_t gamma c_t

with c_t the probability of going on after step t. For H = 0 this is V alone, for a large H the model's word alone.
Whatever estimates the policy's gradient (`policy_gradient.py`) looks at the same J.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..equations.gae import gae, standardized
from ..equations.lambda_return import lambda_return
from ..imagination import Act, Advance, Propagation, TSInfinity, imagine_policy
from ..models.world_model import WorldModel
from ..policies.policy import Policy
from ..policies.state_value import StateValue


class Rollout(NamedTuple):
    """H imagined steps from B states, every entry `[H, B, ...]`; `weight` is w_t, `discount` gamma c_t."""

    state: Tensor
    action: Tensor
    next_state: Tensor
    reward: Tensor
    weight: Tensor
    discount: Tensor

    @property
    def last_weight(self) -> Tensor:
        """w_H `[B]`."""
        return self.weight[-1] * self.discount[-1]


class _Truncated(Propagation):
    """Another propagation through which gradients pass for `every` steps at most."""

    def __init__(self, propagation: Propagation, every: int) -> None:
        self.propagation, self.every = propagation, every

    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        advance = self.propagation.bind(world_model, state, particles, horizon, generator)
        return lambda state, action, t: advance(self.cut(state, t), action, t)

    def cut(self, state: Tensor, t: int) -> Tensor:
        """The state of step t, a constant where a piece begins."""
        return state.detach() if t and t % self.every == 0 else state


class Dream:
    """How far a policy is followed in the model.

    Args:
        horizon: H, steps.
        discount: gamma.
        lambda_: of the returns that the value learns from, and of advantages.
        particles: P; the states are dealt to so many draws of the model's parameters. By default one a member.
        propagation: how these are carried through a rollout; TS-infinity by default.
        truncate: the steps through which gradients pass back; None for all.
        starts: how many of a batch's states it is followed from, a multiple of P; None for all.

    Raises:
        ValueError: for a horizon, particles, truncation or starts below 1, discount or lambda outside [0, 1].
    """

    def __init__(
        self,
        horizon: int = 8,
        discount: float = 0.99,
        lambda_: float = 0.95,
        particles: int | None = None,
        propagation: Propagation | None = None,
        truncate: int | None = None,
        starts: int | None = None,
    ) -> None:
        numbers = {"horizon": horizon, "particles": particles, "truncate": truncate, "starts": starts}
        for name, number in numbers.items():
            if number is not None and number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        for name, share in (("discount", discount), ("lambda_", lambda_)):
            if not 0 <= share <= 1:
                raise ValueError(f"{name}: need a number in [0, 1], got {share}")
        self.horizon, self.discount, self.lambda_, self.particles = horizon, discount, lambda_, particles
        self.propagation = TSInfinity() if propagation is None else propagation
        self.starts = starts
        self.truncated = None if truncate is None else _Truncated(self.propagation, truncate)

    def begun(self, batch: TensorDictBase) -> Tensor:
        """States `[B, S]` of a batch `[B]` or `[E, B]`; the members' rows alternate, so each model gets some of all."""
        state: Tensor = batch["state"].detach()
        return state.transpose(0, -2).reshape(-1, state.shape[-1])[: self.starts]

    def imagine(
        self,
        world_model: WorldModel,
        state: Tensor,
        act: Act,
        horizon: int | None = None,
        propagation: Propagation | None = None,
    ) -> Rollout:
        """Follows `act` from states `[B, S]` for H steps, or for `horizon`; B must be a multiple of P."""
        chosen = (self.truncated or self.propagation) if propagation is None else propagation
        if self.truncated is not None and propagation is None:
            act = cut_before(act, self.truncated.cut)
        particles = self.particles or world_model.members
        steps = self.horizon if horizon is None else horizon
        imagined = imagine_policy(world_model, state, act, steps, propagation=chosen, particles=particles)
        reward = imagined.reward
        going_on = torch.ones_like(reward) if imagined.continuation is None else imagined.continuation
        discount = self.discount * going_on
        weight = torch.cat([torch.ones_like(reward[:1]), discount[:-1].cumprod(0)])
        return Rollout(imagined.state, imagined.action, imagined.next_state, reward, weight, discount)

    def returns(self, rollout: Rollout, value: StateValue) -> Tensor:
        """Lambda returns `[H, B]` of the states, by the slow copy of the value; constants."""
        with torch.no_grad():
            following = value.target(rollout.next_state)
            return lambda_return(rollout.reward, rollout.discount, following, self.lambda_)

    def advantages(self, rollout: Rollout, value: StateValue, standardize: bool = False) -> Tensor:
        """A `[H, B]` of the actions, in units of reward or in their own standard deviations; constants."""
        with torch.no_grad():
            worth = value(torch.cat([rollout.state, rollout.next_state[-1:]]))  # [H + 1, B]
            found = gae(rollout.reward, rollout.discount, worth[:-1], worth[1:], self.lambda_)
            return standardized(found) if standardize else found


def objective(rollout: Rollout, value: StateValue) -> Tensor:
    """J `[B]`."""
    earned = (rollout.weight * rollout.reward).sum(0)
    return earned + rollout.last_weight * value(rollout.next_state[-1])


def following(policy: Policy) -> Act:
    """Acts by draws from the policy."""
    return lambda state, t: policy(state).sample().action


def cut_before(act: Act, cut: Callable[[Tensor, int], Tensor]) -> Act:
    """Acts in the states that `cut` makes of those that are met."""
    return lambda state, t: act(cut(state, t), t)
