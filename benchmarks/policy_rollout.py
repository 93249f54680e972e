"""A policy's rollout in the model, forward and backward, against a bare loop that does the same sums.

python -m benchmarks policy_rollout

320 states, an ensemble of 5 x [64, 64, 64], a policy [64, 64] of actions in [-1, 1], 10 steps with known reward and a
value at the end; the loop by hand has no classes, and draws its noise at once. Imagined steps a second are 3,200 by the
time.
"""

from argparse import Namespace
from collections.abc import Callable

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn.functional import linear, silu

from fulgurite.agents.dream import Dream
from fulgurite.agents.pathwise import Pathwise
from fulgurite.agents.policy_gradient import Learner
from fulgurite.equations.gaussian import soft_bound
from fulgurite.models.gaussian import GaussianDynamics
from fulgurite.models.known import pendulum_reward
from fulgurite.models.world_model import WorldModel
from fulgurite.policies.squashed_gaussian import SquashedGaussianPolicy
from fulgurite.policies.state_value import StateValue

from .table import Row, compared, tables
from .timing import alternate, timed, use_threads

STATES, MEMBERS, HORIZON, DISCOUNT = 320, 5, 10, 0.99


def learner() -> Learner:
    """Ours."""
    torch.manual_seed(0)
    world = WorldModel(GaussianDynamics(3, 1, members=MEMBERS, hidden=(64, 64, 64)), pendulum_reward)
    policy = SquashedGaussianPolicy(hidden=(64, 64), activation="silu").build(3, 1)
    return Learner(world, policy, StateValue(hidden=(64, 64)).build(3), Dream(HORIZON, DISCOUNT))


def gradient(found: Learner, state: Tensor) -> list[Tensor]:
    """Of -J in the policy's weights, by ours."""
    loss = Pathwise().lesson(found, TensorDict({"state": state}, [len(state)])).loss
    return list(torch.autograd.grad(loss, list(found.policy.parameters())))


def by_hand(found: Learner) -> Callable[[Tensor], list[Tensor]]:
    """The same by a loop over plain tensors, and the returns that the value learns from with it."""
    dynamics = found.world_model.dynamics
    assert isinstance(dynamics, GaussianDynamics)
    layers = [(w.detach(), b.detach()) for w, b in dynamics.network.layers()]
    low, high = dynamics.head.min_log_var.detach(), dynamics.head.max_log_var.detach()  # type: ignore[union-attr]
    actor = [(layer.weight, layer.bias) for layer in found.policy.network.layers]
    critic = [(layer.weight.detach(), layer.bias.detach()) for layer in found.critic.network.layers]
    middle, radius = found.policy.middle, found.policy.radius  # type: ignore[union-attr]

    def worth(x: Tensor) -> Tensor:
        for weight, bias in critic[:-1]:
            x = silu(linear(x, weight, bias))
        return linear(x, *critic[-1])[..., 0]

    def run(state: Tensor) -> list[Tensor]:
        s = state.view(MEMBERS, -1, 3)
        noise = torch.randn(HORIZON, *s.shape)
        chance = torch.randn(HORIZON, *s.shape[:-1], 1)
        states, rewards = [s], []
        for t in range(HORIZON):
            x = s
            for weight, bias in actor[:-1]:
                x = silu(linear(x, weight, bias))
            mean, raw = linear(x, *actor[-1]).chunk(2, -1)
            a = (mean + (middle + radius * raw.tanh()).exp() * chance[t]).tanh()
            x = torch.cat([s, a], -1)
            for weight, bias in layers[:-1]:
                x = silu(torch.baddbmm(bias, x, weight.mT))
            change, log_var = torch.baddbmm(layers[-1][1], x, layers[-1][0].mT).chunk(2, -1)
            following = s + change + noise[t] * (0.5 * soft_bound(log_var.contiguous(), low, high)).exp()
            rewards.append(pendulum_reward(s, a, following))
            s = following
            states.append(s)
        scale = DISCOUNT ** torch.arange(HORIZON + 1.0)
        total = torch.stack([*rewards, worth(s)])  # [H + 1, E, B]
        loss = -(scale[:, None, None] * total).sum(0).mean()
        with torch.no_grad():
            values = worth(torch.stack(states[1:]))
            following_return = values[-1]
            for t in reversed(range(HORIZON)):
                following_return = rewards[t] + DISCOUNT * (0.05 * values[t] + 0.95 * following_return)
        return list(torch.autograd.grad(loss, [p for pair in actor for p in pair]))

    return run


def rows(threads: int) -> list[Row]:
    """The comparison."""
    use_threads(threads)
    found = learner()
    state = torch.randn(STATES, 3)
    bare = by_hand(found)
    same(found, state, bare)
    contestants = {"ours": timed(lambda: gradient(found, state), 10), "bare loop": timed(lambda: bare(state), 10)}
    taken = alternate(contestants, 15)
    what = f"policy rollout, {STATES} states x {HORIZON} steps, forward and backward"
    return [compared(what, threads, taken, "ours", "bare loop", "<= 1.3", speedup=False)]


def same(found: Learner, state: Tensor, bare: Callable[[Tensor], list[Tensor]]) -> None:
    """Raises `RuntimeError` where the two estimate different gradients: 40 draws of each."""
    means = []
    for one in (lambda: gradient(found, state), lambda: bare(state)):
        drawn = torch.stack([torch.cat([g.flatten() for g in one()]) for _ in range(40)])
        means.append((drawn.mean(0), drawn.var(0) / len(drawn)))
    (ours, v), (theirs, w) = means
    apart = (ours - theirs).square().sum() / (v + w).sum()
    if apart > 4:
        raise RuntimeError(f"the loop by hand has another gradient: {apart:.1f} times what chance explains")


def run(options: Namespace) -> str:
    """The table."""
    return tables("policy_rollout", rows, options)
