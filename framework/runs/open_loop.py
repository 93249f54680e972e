"""Where a model goes from recorded states under the recorded actions, without looking again."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..data.windows import Windows
from ..imagination import Propagation, imagine
from ..models.world_model import WorldModel

NUMBERS_AT_ONCE = 4_000_000  # predicted at a time, to bound memory for large states


class OpenLoop(NamedTuple):
    """How a model is held against what happened.

    Attributes:
        horizons: K numbers of steps ahead, rising.
        particles: P.
        propagation: how particles carry the uncertainty.
    """

    horizons: Sequence[int]
    particles: int
    propagation: Propagation


class Predicted(NamedTuple):
    """B predictions at K horizons, beside the truth.

    Attributes:
        state: `[B, S]`, where they start.
        action: `[B, A]`, the first one.
        particles: `[P, B, K, S]`.
        truth: `[B, K, S]`.
        counts: `[B, K]`, bool: the episode had not ended.
    """

    state: Tensor
    action: Tensor
    particles: Tensor
    truth: Tensor
    counts: Tensor


@torch.no_grad()
def predictions(
    world_model: WorldModel, recorded: Windows, setting: OpenLoop, generator: torch.Generator
) -> Iterator[Predicted]:
    """The predictions from recorded windows `[B, H]`, a part of the starts at a time."""
    device = world_model.device
    at = torch.tensor(setting.horizons, device=device) - 1
    size = max(1, NUMBERS_AT_ONCE // (setting.particles * setting.horizons[-1] * recorded.observation.shape[-1]))
    for first in range(0, len(recorded.observation), size):
        part = Windows(*(tensor[first : first + size].to(device) for tensor in recorded))
        state = world_model.encode(part.observation)  # [B, S]
        imagined = imagine(
            world_model, state, part.actions[:, : setting.horizons[-1]],
            propagation=setting.propagation, particles=setting.particles, generator=generator,
        )  # fmt: skip
        particles = imagined["next", "state"][:, :, at]  # [P, B, K, S]
        yield Predicted(
            state, part.actions[:, 0], particles, world_model.encode(part.targets[:, at]), part.counts[:, at]
        )
