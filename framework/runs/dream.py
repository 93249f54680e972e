"""An episode as it was and as the model imagines it: some frames seen, then none, under the actions that were taken.

s_c ~ q(s_c | o_1:c, a_1:c-1)        s_{t+1} ~ p(s' | s_t, a_t)        o_t ~ p(o | s_t), t > c
"""

from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..data.windows import frames_before
from ..imagination import TSInfinity, imagine
from ..models.world_model import WorldModel
from .open_loop import by_name, known_states


class Dream(NamedTuple):
    """One observation of L frames, of which C were seen, and H = L - C imagined.

    Attributes:
        truth: `[L, ...]`.
        seen: `[C, ...]`, the model's picture of each frame that it saw.
        imagined: `[P, H, ...]`, of those it did not see.
    """

    truth: Tensor
    seen: Tensor
    imagined: Tensor


@torch.no_grad()
def dream(
    world_model: WorldModel, transitions: TensorDictBase, context: int, horizon: int, particles: int
) -> dict[str, Dream]:
    """What the model makes of the first steps of an episode `[T]`, by the observation's name ("" for the only one).

    Args:
        world_model: whose states can be decoded.
        transitions: one episode.
        context: C, frames that it sees.
        horizon: H, or fewer where the episode ends.
        particles: P.
    """
    device = world_model.device
    chance = torch.Generator(device).manual_seed(0)
    count = min(len(transitions), context + horizon - 1)  # steps, of count + 1 frames
    context = min(context, count)
    steps = transitions[:count].to(device)
    frames = frames_before([(transitions, context - 1)], context).to(device)
    seen = known_states(world_model, frames)[0]  # [C, S]
    imagined = imagine(
        world_model, seen[-1:], steps["action"][None, context - 1 :],
        propagation=TSInfinity(), particles=particles, generator=chance,
    )  # fmt: skip
    states = imagined["next", "state"][:, 0]  # [P, H, S]
    truth = torch.cat([steps["observation"][:1], steps["next", "observation"]])
    found = [by_name(one) for one in (truth, world_model.decode(seen), world_model.decode(states))]
    return {name: Dream(*(one[name].float().cpu() for one in found)) for name in found[0]}
