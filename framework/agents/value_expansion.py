"""Targets that look H imagined steps ahead: MVE with one horizon, STEVE with all up to H, weighed by their certainty.

    s_0 = s', then s_{t+1} by the model under the policy         r_t - alpha log pi(a_t | s_t) counts as the reward

Feinberg et al. 2018 (MVE), Buckman et al. 2018 (STEVE), see `equations/value_expansion.py`; here with the entropy of a
soft policy. Unlike Feinberg's the values are not fitted at the imagined states, too: branched rollouts do that.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from ..equations.value_expansion import expanded, inverse_variance_mean
from ..imagination import TSInfinity, imagine_policy
from .value_target import Following, ValueTarget


class Path(NamedTuple):
    """States `[H + 1, P, B, S]`, the probability of getting there `[H + 1, P, B]`, soft rewards `[H, P, B]`."""

    state: Tensor
    alive: Tensor
    reward: Tensor


def path(state: Tensor, horizon: int, particles: int, it: Following) -> Path:
    """H imagined steps from states `[B, S]`, each under P draws of the model's parameters."""
    assert it.world_model is not None
    log_probs = []

    def act(state: Tensor, t: int) -> Tensor:
        drawn = it.draw(state)
        log_probs.append(drawn.log_prob)
        return drawn.action

    every = state.repeat(particles, 1)  # a block of all states for each particle
    seen = imagine_policy(it.world_model, every, act, horizon, propagation=TSInfinity(), particles=particles)
    blocks = (-1, particles, len(state))
    reward = seen.reward.view(blocks) - it.alpha * torch.stack(log_probs)
    alive = torch.ones_like(reward[:1]).expand(horizon + 1, -1, -1)
    if seen.alive is not None and seen.continuation is not None:
        alive = torch.cat([seen.alive, seen.alive[-1:] * seen.continuation[-1:]]).view(blocks)
    states = torch.cat([seen.state, seen.next_state[-1:]]).unflatten(1, blocks[1:])
    return Path(states, alive, reward)


def check(horizon: int, particles: int, least: int) -> None:
    """Raises `ValueError` for no steps, or too few particles."""
    if horizon < 1:
        raise ValueError(f"horizon: need at least 1, got {horizon}")
    if particles < least:
        raise ValueError(f"particles: need at least {least}, got {particles}")


class ValueExpansion(ValueTarget):
    """MVE: H imagined steps, then the least of the values.

    Args:
        horizon: H.
        particles: P, draws of the model's parameters that each state is carried on with; their mean counts.

    Raises:
        ValueError: unless both are positive.
    """

    def __init__(self, horizon: int = 3, particles: int = 1) -> None:
        check(horizon, particles, 1)
        self.horizon, self.particles = horizon, particles

    def following(self, state: Tensor, it: Following) -> Tensor:
        way = path(state, self.horizon, self.particles, it)
        last = it.soft_values(way.state[-1]).amin(0)  # [P, B]
        value = torch.cat([torch.zeros_like(way.reward), last[None]])
        return expanded(way.reward, value, way.alive, it.discount)[-1].mean(0)


class StochasticEnsembleValueExpansion(ValueTarget):
    """STEVE: the mean over horizons 0 to H, each weighed by the inverse variance over P models and M values.

    The values enter one by one, not by their least. Each estimate has its own drawn actions, so the variance is that
    of the draws, too.

    Args:
        horizon: H.
        particles: P; the number of an ensemble's elites gives each state all of them.

    Raises:
        ValueError: unless H >= 1 and P >= 2.
    """

    def __init__(self, horizon: int = 3, particles: int = 5) -> None:
        check(horizon, particles, 2)
        self.horizon, self.particles = horizon, particles

    def following(self, state: Tensor, it: Following) -> Tensor:
        way = path(state, self.horizon, self.particles, it)
        value = it.soft_values(way.state).movedim(0, 1)  # [H + 1, M, P, B]
        estimates = expanded(way.reward[:, None], value, way.alive[:, None], it.discount)
        return inverse_variance_mean(estimates.flatten(1, 2))
