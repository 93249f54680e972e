"""An episode as it was and as the model imagines it: some frames seen, then none, under the actions that were taken.

    s_c ~ q(s_c | o_1:c, a_1:c-1)        s_{t+1} ~ p(s' | s_t, a_t)        o_t ~ p(o | s_t), t > c
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..imagination import TSInfinity, imagine
from ..models.latent_world_model import LatentWorldModel
from ..models.world_model import WorldModel


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
    """What the model makes of the first steps of an episode `[T]`, by the name of the observation ("" for the only one).

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
    seen = torch.stack(list(filtered(world_model, steps[:context])))  # [C, S]
    imagined = imagine(
        world_model, seen[-1:], steps["action"][None, context - 1 :],
        propagation=TSInfinity(), particles=particles, generator=chance,
    )  # fmt: skip
    states = imagined["next", "state"][:, 0]  # [P, H, S]
    truth = torch.cat([steps["observation"][:1], steps["next", "observation"]])
    found = (truth, world_model.decode(seen), world_model.decode(states))
    if isinstance(truth, Tensor):
        return {"": Dream(*(tensor.float().cpu() for tensor in found))}
    return {name: Dream(*(nested[name].float().cpu() for nested in found)) for name in truth.keys()}  # noqa: SIM118


def filtered(world_model: WorldModel, steps: TensorDictBase) -> Iterator[Tensor]:
    """The state `[S]` at each of an episode's first steps `[C]`, by what was seen until then."""
    if not isinstance(world_model, LatentWorldModel):
        yield from world_model.encode(steps["observation"])
        return
    memory = torch.zeros(1, world_model.memory_size, device=world_model.device)
    for t in range(len(steps)):
        first = torch.full((1, 1), t == 0, device=world_model.device)
        action = steps["action"][max(t - 1, 0)][None]
        now = world_model.filter(memory, action, steps["observation"][t][None], first)
        memory = now.memory
        yield now.state[0]
