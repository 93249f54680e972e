"""Total propagation: at every draw on the way back, likelihood-ratio and pathwise gradient mixed by their variances.

    node x ~ p(x | z)       a_t ~ pi(. | z_t), or s_{t+1} ~ N(mean_t, std_t^2)
    g_RP = grad_z x dJ/dx   dJ/dx as mixed at the nodes that come later
    g_LR = (R_t - w_t V(s_t)) grad_z log p(x | z),   R_t = sum_{t <= k < H} w_k r_k + w_H V(s_H)
    g = k g_LR + (1 - k) g_RP

g goes on to what the node's parameters (the policy's output z; mean and deviation of the next state) depend on: the
weights, and the nodes before. So a gradient that explodes on its way through chaotic dynamics is replaced where it
begins to. Dynamics that are certain have no node of their own.
Parmas et al. 2018 (PIPPS), algorithm 1; the weights k: `equations/total_propagation.py`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..equations.total_propagation import inverse_variance_mix
from ..imagination import Advance, Propagation, TSInfinity, broadcast, standard_noise
from ..models.frozen import frozen
from ..models.world_model import WorldModel
from ..policies.policy import Policy
from ..policies.state_value import StateValue
from .dream import Rollout
from .likelihood_ratio import needs_density
from .policy_gradient import Learner, Lesson, PolicyGradient


class Node(NamedTuple):
    """Parameters of a distribution that something was drawn from, and grad log p of what was drawn, `[P, B / P, K]`."""

    parameter: Tensor
    score: Tensor


class _Watching(Propagation):
    """TS-infinity that keeps the nodes of the next states, a list for every step."""

    def __init__(self) -> None:
        self.nodes: list[list[Node]] = []

    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        theta = world_model.sample_parameters(particles, generator)
        noise = standard_noise(world_model.dynamics, state, particles, horizon, generator)

        def advance(state: Tensor, action: Tensor, t: int) -> Tensor:
            given = world_model.dynamics.predict(state, action, theta)
            normal = given.base_dist if isinstance(given, torch.distributions.Independent) else given
            if not isinstance(normal, torch.distributions.Normal):
                self.nodes.append([])
                return given.rsample()
            # as tensors of their own: one may be worked out from the other, whose gradient must not count as the node's
            mean, std = normal.loc.view_as(normal.loc), normal.scale.view_as(normal.scale)
            drawn, spread = broadcast(noise[t], state), normal.scale.detach()
            self.nodes.append([Node(mean, drawn / spread), Node(std, (drawn.square() - 1) / spread)])
            return mean + std * drawn

        return advance


class TotalPropagation(PolicyGradient):
    """Mixes. The dream's propagation must be TS-infinity, without truncation."""

    def check(self, policy: Policy) -> None:
        """Raises `ValueError` for a policy without a density, or whose draws have no gradient of their own."""
        needs_density(policy, self)
        if policy.discrete_actions:
            raise ValueError(f"estimator: TotalPropagation needs actions in [-1, 1], got {type(policy).__name__}")

    def lesson(self, learner: Learner, batch: TensorDictBase, horizon: int | None = None) -> Lesson:
        world_model, policy, value, dream = learner
        if type(dream.propagation) is not TSInfinity or dream.truncated is not None:
            raise ValueError("dream: TotalPropagation needs TSInfinity without truncation")
        nodes: list[list[Node]] = []

        def act(state: Tensor, t: int) -> Tensor:
            z = policy.network(state)  # [P, B / P, K]
            action = policy.read(z).sample().action
            nodes.append([Node(z, score(policy, z, action))])
            return action

        watching = _Watching()
        with frozen(world_model, value), torch.enable_grad():
            rollout = dream.imagine(world_model, dream.begun(batch), act, horizon, watching)
            worth = to_go(rollout, value)  # [H + 1, B]
        surprise = (worth[:-1] - rollout.weight * value(rollout.state)).detach()  # [H, B]
        for t, found in enumerate(zip(nodes, watching.nodes, strict=True)):
            mix_at([*found[0], *found[1]], surprise[t])
        weights = list(policy.parameters())
        gradients = torch.autograd.grad(worth[0].sum(), weights)
        loss = carrying(-worth[0].mean(), weights, [-g / len(worth[0]) for g in gradients])
        return Lesson(loss, rollout.state.detach(), dream.returns(rollout, value), rollout.weight.detach())


def to_go(rollout: Rollout, value: StateValue) -> Tensor:
    """R_t `[H + 1, B]`, with J first and w_H V(s_H) last."""
    last = rollout.last_weight * value(rollout.next_state[-1])
    parts = torch.cat([rollout.weight * rollout.reward, last[None]])
    return parts.flip(0).cumsum(0).flip(0)


def score(policy: Policy, z: Tensor, action: Tensor) -> Tensor:
    """The gradient of log pi(a | z) in the policy's output, a constant of its shape."""
    output = z.detach().requires_grad_()
    log_prob = policy.read(output).log_prob(action.detach())
    (gradient,) = torch.autograd.grad(log_prob.sum(), output)
    return gradient


def mix_at(nodes: Sequence[Node], surprise: Tensor) -> None:
    """Lets the gradients that come back to these nodes be mixed with `surprise` `[B]` times their scores."""
    for parameter, slope in nodes:
        if not parameter.requires_grad:  # a constant deviation
            continue
        likelihood_ratio = surprise[:, None] * slope.flatten(0, 1)  # [B, K]

        def mixed(pathwise: Tensor, other: Tensor = likelihood_ratio) -> Tensor:
            return inverse_variance_mix(other, pathwise.flatten(0, 1)).view_as(pathwise)

        parameter.register_hook(mixed)


def carrying(loss: Tensor, weights: Sequence[Tensor], gradients: Sequence[Tensor]) -> Tensor:
    """A scalar of the given size whose gradient in the weights is the given one."""
    linear = torch.stack([(w * g).sum() for w, g in zip(weights, gradients, strict=True)]).sum()
    return loss.detach() + linear - linear.detach()
