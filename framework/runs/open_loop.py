"""Where a model goes from recorded states under the recorded actions, without looking again.

    s_0 ~ q(s | o_{1-C:0}, a)        s_k ~ p(s' | s_{k-1}, a_{k-1})        o_k = E[o | s_k]

Where the state is observed, s is o. Where it is not, C frames of context tell it, and predictions are held against the
observations that came: what the decoder makes of each particle, without the noise of p(o | s).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..data.windows import Windows
from ..imagination import Propagation, imagine
from ..models.latent_world_model import LatentWorldModel
from ..models.world_model import WorldModel
from .stopping import give_up_if_asked

NUMBERS_AT_ONCE = 4_000_000  # predicted at a time, to bound memory for large states and images


class OpenLoop(NamedTuple):
    """How a model is held against what happened.

    Attributes:
        horizons: K numbers of steps ahead, rising.
        particles: P.
        propagation: how particles carry the uncertainty.
        context: C, frames from which a state that is not observed is filtered.
    """

    horizons: Sequence[int]
    particles: int
    propagation: Propagation
    context: int = 1


class Predicted(NamedTuple):
    """B predictions of one kind of observation at K horizons, beside the truth.

    Attributes:
        name: of the observation where there are several, else nothing.
        state: `[B, S]`, where they start.
        action: `[B, A]`, the first one.
        start: `[B, O]`, the observation there; of images all numbers in a row.
        particles: `[P, B, K, O]`.
        truth: `[B, K, O]`.
        counts: `[B, K]`, bool: the episode had not ended.
    """

    name: str
    state: Tensor
    action: Tensor
    start: Tensor
    particles: Tensor
    truth: Tensor
    counts: Tensor


@torch.no_grad()
def predictions(
    world_model: WorldModel, recorded: Windows, setting: OpenLoop, generator: torch.Generator
) -> Iterator[Predicted]:
    """The predictions from recorded windows `[B, H]`, a part of the starts at a time, of each kind of observation.

    Raises:
        Stopped: as soon as the run shall stop.
    """
    device = world_model.device
    at = torch.tensor(setting.horizons, device=device) - 1
    for first, last in parts(recorded, setting):
        give_up_if_asked()
        part = Windows(*(entry[first:last].to(device) for entry in recorded))
        state = known_states(world_model, part.context)[:, -1]  # [B, S]
        imagined = imagine(
            world_model, state, part.actions[:, : setting.horizons[-1]],
            propagation=setting.propagation, particles=setting.particles, generator=generator,
        )  # fmt: skip
        found = by_name(world_model.decode(imagined["next", "state"][:, :, at]))
        starts, truths = by_name(part.observation), by_name(part.targets)
        for name, particles in found.items():
            yield Predicted(
                name, state, part.actions[:, 0],
                starts[name].flatten(1).float(), particles.flatten(3), truths[name][:, at].flatten(2).float(),
                part.counts[:, at],
            )  # fmt: skip


def parts(recorded: Windows, setting: OpenLoop) -> Iterator[tuple[int, int]]:
    """Starts, first and last, that fit into memory together."""
    B = len(recorded.actions)
    seen = sum(entry[0].numel() for entry in by_name(recorded.observation).values())
    each = setting.particles * max(setting.horizons[-1], len(setting.horizons)) * seen
    size = max(1, NUMBERS_AT_ONCE // each)
    for first in range(0, B, size):
        yield first, min(first + size, B)


def known_states(world_model: WorldModel, frames: TensorDictBase) -> Tensor:
    """The states `[B, C, S]` at the frames of a sequence batch `[B]`, each by what was seen until then."""
    observation = frames["observation"]
    if not isinstance(world_model, LatentWorldModel):
        return world_model.encode(observation)
    memory = torch.zeros(len(frames), world_model.memory_size, device=world_model.device)
    states = []
    for t in range(frames["is_init"].shape[1]):
        now = world_model.filter(
            memory, frames["previous_action"][:, t], frame(observation, t), frames["is_init"][:, t]
        )  # fmt: skip
        memory = now.memory
        states.append(now.state)
    return torch.stack(states, 1)


def frame(observation: Tensor | TensorDictBase, t: int) -> Tensor | TensorDictBase:
    """The t-th frame `[B, ...]` of observations `[B, C, ...]`."""
    if isinstance(observation, Tensor):
        return observation[:, t]
    return TensorDict({name: one[:, t] for name, one in observation.items()}, observation.batch_size[:1])


def by_name(observation: Tensor | TensorDictBase) -> dict[str, Tensor]:
    """The entries of a nested observation; nothing as the name of the only one."""
    return {"": observation} if isinstance(observation, Tensor) else dict(observation.items())
