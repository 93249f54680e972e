"""Imagination: the only loop that steps a model under actions or a policy.

    s_0 given        s_{t+1} ~ p(s' | s_t, a_t, theta)        r_t = r(s_t, a_t, s_{t+1})
    alive_0 = 1      alive_{t+1} = alive_t (1 - p(end | s_{t+1}))

How the uncertainty about theta is carried forward is the choice of a `Propagation`: trajectory sampling with one draw a
particle for the whole rollout (TS-infinity), or a new one at each step (TS-1), or the expectation over the draws.
Chua et al. 2018 (PETS), section 5.1.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor

from .models.dynamics import Dynamics
from .models.reward import RewardFunction
from .models.world_model import WorldModel

Advance = Callable[[Tensor, Tensor, int], Tensor]
"""state `[P, B, ..., S]`, action `[P, B, ..., A]`, step t -> next state `[P, B, ..., S]`."""

Act = Callable[[Tensor, int], Tensor]
"""state `[P, B, ..., S]`, step t -> action `[P, B, ..., A]`."""


class Imagined(NamedTuple):
    """T consecutive imagined steps; every entry `[T, P, B, ...]`.

    `alive` is the probability of getting to a step, and `continuation` that of going on after it; both are None where
    nothing ends early.
    """

    state: Tensor
    action: Tensor
    next_state: Tensor
    reward: Tensor
    alive: Tensor | None
    continuation: Tensor | None


JUDGED_AT_ONCE = 2**16
"""Numbers of states whose rewards are asked for in one call: many steps while they are few, one while they are many."""


class Propagation(ABC):
    """How particles carry the model's uncertainty through a rollout."""

    @abstractmethod
    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        """Fixes parameters and noise for rollouts of `horizon` steps from states `[B, S]`.

        The noise `[H, P, B, S]`, or as much of it as the dynamics take, is shared by all plans of a state (common
        random numbers), so that plans are compared on equal terms and the outcome is a deterministic, differentiable
        function of the actions.
        """


class TSInfinity(Propagation):
    """Each particle keeps its draw of the parameters for the whole rollout."""

    def bind(
        self, world_model: WorldModel, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
    ) -> Advance:
        theta = world_model.sample_parameters(particles, generator)
        noise = standard_noise(world_model.dynamics, state, particles, horizon, generator).unbind(0)
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
        noise = standard_noise(world_model.dynamics, state, particles, horizon, generator)

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


def standard_noise(
    dynamics: Dynamics, state: Tensor, particles: int, horizon: int, generator: torch.Generator | None
) -> Tensor:
    """Standard normal `[H, P, B, noise_size or S]` for states `[B, S]`, of their device and dtype."""
    size = state.shape[-1] if dynamics.noise_size is None else dynamics.noise_size
    shape = (horizon, particles, *state.shape[:-1], size)
    return torch.randn(shape, generator=generator, device=state.device, dtype=state.dtype)


def broadcast(noise: Tensor, state: Tensor) -> Tensor:
    """`[P, B, N]` -> `[P, B, 1..., N]` beside states `[P, B, ..., S]`."""
    return noise.view(*noise.shape[:2], *[1] * (state.dim() - 3), noise.shape[-1])


def rollout(
    world_model: WorldModel,
    state: Tensor,
    act: Act,
    advance: Advance,
    horizon: int,
    reward: RewardFunction | None = None,
) -> Iterator[Imagined]:
    """Steps the model `horizon` times from states `[P, B, ..., S]`; `reward` replaces the world model's.

    The dynamics alone must go step by step. Rewards and terminations follow for several steps in one call, which is
    what small models spend a third of their time on otherwise.
    """
    alive: Tensor | None = None
    together = max(1, JUDGED_AT_ONCE // state.numel())
    for first in range(0, horizon, together):
        states, actions = [state], []
        for t in range(first, min(first + together, horizon)):
            actions.append(act(states[-1], t))
            states.append(advance(states[-1], actions[-1], t))
        state = states[-1]
        visited = torch.stack(states)  # [T + 1, P, B, ..., S]
        before, after, action = visited[:-1], visited[1:], torch.stack(actions)
        r, going_on = world_model.outcome(before, action, after, reward)
        if going_on is None:
            yield Imagined(before, action, after, r, None, None)
        else:
            reached = going_on.cumprod(0) if alive is None else going_on.cumprod(0) * alive
            start = torch.ones_like(reached[:1]) if alive is None else alive[None]
            yield Imagined(before, action, after, r, torch.cat([start, reached[:-1]]), going_on)
            alive = reached[-1]


def imagine_policy(
    world_model: WorldModel,
    state: Tensor,
    act: Act,
    horizon: int,
    *,
    propagation: Propagation,
    particles: int,
    generator: torch.Generator | None = None,
) -> Imagined:
    """What happens in the model under a policy, from states `[B, S]`: every entry `[H, B, ...]`.

    The states are dealt to the particles in equal blocks: each goes through the model under one draw of its parameters.
    All of it can be differentiated, in the actions and in the parameters of the model unless these are `frozen`.

    Raises:
        ValueError: unless B is a multiple of `particles`.
    """
    B, P = len(state), particles
    if B % P:
        raise ValueError(f"particles: need a divisor of the {B} states, got {P}")
    dealt = state.view(P, B // P, -1)
    advance = propagation.bind(world_model, dealt[0], P, horizon, generator)
    parts = list(rollout(world_model, dealt, act, advance, horizon))

    def whole(entries: Sequence[Tensor | None]) -> Tensor | None:
        found = [entry for entry in entries if entry is not None]
        return torch.cat(found).flatten(1, 2) if found else None

    return Imagined(*map(whole, zip(*parts, strict=True)))  # type: ignore[arg-type]


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
    parts = list(rollout(world_model, start, lambda s, t: actions[:, t].expand(particles, -1, -1), advance, horizon))
    alive = [torch.ones_like(part.reward) if part.alive is None else part.alive for part in parts]

    def whole(entries: list[Tensor]) -> Tensor:
        return torch.cat(entries).movedim(0, 2)

    return TensorDict(
        {
            "state": whole([part.state for part in parts]),
            "action": whole([part.action for part in parts]),
            "alive": whole(alive)[..., None],
            "next": {
                "state": whole([part.next_state for part in parts]),
                "reward": whole([part.reward for part in parts])[..., None],
            },
        },
        batch_size=(particles, state.shape[0], horizon),
    )
