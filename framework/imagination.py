"""Imagination: the only loop that steps a model under actions or a policy.

    s_0 given        s_{t+1} ~ p(s' | s_t, a_t, theta)        r_t = r(s_t, a_t, s_{t+1})
    alive_0 = 1      alive_{t+1} = alive_t (1 - p(end | s_{t+1}))

How the uncertainty about theta is carried forward is the choice of a `Propagation`: trajectory sampling with one draw a
particle for the whole rollout (TS-infinity), or a new one at each step (TS-1), or the expectation over the draws.
Chua et al. 2018 (PETS), section 5.1.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor

from .models.world_model import WorldModel

Advance = Callable[[Tensor, Tensor, int], Tensor]
"""state `[P, B, ..., S]`, action `[P, B, ..., A]`, step t -> next state `[P, B, ..., S]`."""

Act = Callable[[Tensor, int], Tensor]
"""state `[P, B, ..., S]`, step t -> action `[P, B, ..., A]`."""


class Imagined(NamedTuple):
    """One imagined step; every entry `[P, B, ...]`, `alive` the probability of getting here, or None where certain."""

    state: Tensor
    action: Tensor
    next_state: Tensor
    reward: Tensor
    alive: Tensor | None


class Propagation(ABC):
    """How particles carry the model's uncertainty through a rollout."""

    @abstractmethod
    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        """Fixes parameters and noise for rollouts of `horizon` steps from states `[B, S]`.

        The noise `[H, P, B, S]` is shared by all plans of a state (common random numbers), so that plans are compared
        on equal terms and the outcome is a deterministic, differentiable function of the actions.
        """


class TSInfinity(Propagation):
    """Each particle keeps its draw of the parameters for the whole rollout."""

    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        theta = world_model.sample_parameters(particles, generator)
        noise = standard_noise(state, particles, horizon, generator).unbind(0)
        step = world_model.dynamics.step  # looked up once: a module's attributes are slow to find

        def advance(state: Tensor, action: Tensor, t: int) -> Tensor:
            return step(state, action, theta, broadcast(noise[t], state))

        return advance


class TS1(Propagation):
    """Each particle redraws its parameters at every step.

    The draws of a step are dealt to the particles in a random order, since an ensemble hands them out sorted by member.
    """

    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        theta = [world_model.sample_parameters(particles, generator) for _ in range(horizon)]
        order = torch.stack(
            [torch.randperm(particles, generator=generator, device=state.device) for _ in range(horizon)]
        )
        back = order.argsort(1)  # [H, P]
        noise = standard_noise(state, particles, horizon, generator)

        def advance(state: Tensor, action: Tensor, t: int) -> Tensor:
            dealt = world_model.dynamics.step(
                state[order[t]], action[order[t]], theta[t], broadcast(noise[t], state)[order[t]]
            )
            return dealt[back[t]]

        return advance


class Expectation(Propagation):
    """All particles are at the mean prediction over the draws; no noise."""

    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        theta = world_model.sample_parameters(particles, generator)

        def advance(state: Tensor, action: Tensor, t: int) -> Tensor:
            return world_model.dynamics.step(state, action, theta, None).mean(0, keepdim=True).expand_as(state)

        return advance


def standard_noise(state: Tensor, particles: int, horizon: int, generator: torch.Generator | None) -> Tensor:
    """Standard normal `[H, P, B, S]` for states `[B, S]`, of their device and dtype."""
    shape = (horizon, particles, *state.shape)
    return torch.randn(shape, generator=generator, device=state.device, dtype=state.dtype)


def broadcast(noise: Tensor, state: Tensor) -> Tensor:
    """`[P, B, S]` -> `[P, B, 1..., S]` beside states `[P, B, ..., S]`."""
    return noise.view(*noise.shape[:2], *[1] * (state.dim() - 3), noise.shape[-1])


def rollout(world_model: WorldModel, state: Tensor, act: Act, advance: Advance, horizon: int) -> Iterator[Imagined]:
    """Steps the model `horizon` times from states `[P, B, ..., S]`."""
    alive: Tensor | None = None
    for t in range(horizon):
        action = act(state, t)
        next_state = advance(state, action, t)
        reward, going_on = world_model.outcome(state, action, next_state)
        yield Imagined(state, action, next_state, reward, alive)
        if going_on is not None:
            alive = going_on if alive is None else alive * going_on
        state = next_state


def imagine(
    world_model: WorldModel,
    state: Tensor,
    actions: Tensor,
    *,
    propagation: Propagation,
    particles: int,
    generator: torch.Generator | None = None,
) -> TensorDict:
    """Imagined experience `[P, B, H]` from states `[B, S]` under given actions `[B, H, A]`.

    It has the keys of recorded experience (`state`, `action`, `next.state`, `next.reward`), and `alive`, the
    probability of not having terminated before the step, by which a reward counts.
    """
    horizon = actions.shape[1]
    advance = propagation.bind(world_model, state, particles, horizon, generator)
    start = state.expand(particles, *state.shape)  # [P, B, S]
    steps = list(rollout(world_model, start, lambda s, t: actions[:, t].expand(particles, -1, -1), advance, horizon))
    certain = torch.ones_like(steps[0].reward)
    alive = [certain if step.alive is None else step.alive for step in steps]
    return TensorDict(
        {
            "state": torch.stack([step.state for step in steps], 2),
            "action": torch.stack([step.action for step in steps], 2),
            "alive": torch.stack(alive, 2)[..., None],
            "next": {
                "state": torch.stack([step.next_state for step in steps], 2),
                "reward": torch.stack([step.reward for step in steps], 2)[..., None],
            },
        },
        batch_size=(particles, state.shape[0], horizon),
    )
