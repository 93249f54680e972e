"""What a VAE sees, in pictures: its reconstructions, and what each variable of its state does to an image.

A traversal moves one variable over its values under the prior and leaves the others where the posterior puts them
(Higgins et al. 2017, section 4.2). The variables come in the order of the nats that they carry.
"""

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..models.latent import GaussianLatent
from ..models.observation_shape import Observation, image_size
from ..models.vae import VAE

GAP = 2  # pixels between images of a picture


@torch.no_grad()
def traversals(
    vae: VAE, observation: Observation, variables: int = 8, steps: int = 9, extent: float = 2.5, entry: str | None = None
) -> Tensor:
    """Images in uint8 `[V, steps, C, H, W]`, a row for each variable, those that carry most nats first.

    Args:
        vae: of normal variables.
        observation: a batch `[B, ...]`; the first one is shown, all of them say how many nats a variable carries.
        variables: V, at most all there are.
        steps: images of a row.
        extent: from minus so many standard deviations of the prior to plus as many.
        entry: which image of a dictionary.

    Raises:
        ValueError: for variables that are not normal, or observations that are no images.
    """
    if not isinstance(vae.latent, GaussianLatent):
        raise ValueError(f"latent: need a GaussianLatent to traverse, got {type(vae.latent).__name__}")
    observation = observation.to(vae.device)
    statistics = vae.statistics(observation)  # [B, Q]
    order = vae.kl(statistics).mean(0).argsort(descending=True)[:variables]  # [V]
    values = torch.linspace(-extent, extent, steps, device=statistics.device, dtype=statistics.dtype)
    states = vae.latent.mean(statistics[0]).repeat(len(order), steps, 1)  # [V, steps, S]
    states[torch.arange(len(order), device=order.device), :, order] = values
    return image_of(vae.observation.decode(states), vae, entry)


@torch.no_grad()
def reconstructions(vae: VAE, observation: Observation, entry: str | None = None) -> Tensor:
    """Images in uint8 `[2, B, C, H, W]`: the observations `[B, ...]`, and below each what its mean state decodes to.

    Raises:
        ValueError: for observations that are no images.
    """
    observation = observation.to(vae.device)
    decoded = vae.observation.decode(vae.encode(observation))
    return torch.stack([image_of(observation, vae, entry), image_of(decoded, vae, entry)])


def image_of(observation: Observation, vae: VAE, entry: str | None) -> Tensor:
    """The image in uint8 of an observation, or of a dictionary's entry; by default its first image.

    Raises:
        ValueError: where there is none.
    """
    shape = vae.observation.observation_shape
    if isinstance(shape, dict):
        images = [name for name, one in shape.items() if len(one) == 3]
        chosen = entry or next(iter(images), "")
        if chosen not in images or not isinstance(observation, TensorDictBase):
            raise ValueError(f"entry: need one of the images {', '.join(images) or '(there is none)'}, got {chosen!r}")
        observation = observation[chosen]
    else:
        image_size(shape, "traversals")
    assert isinstance(observation, Tensor)
    return observation.round().to(torch.uint8) if observation.is_floating_point() else observation


def tiled(images: Tensor) -> Tensor:
    """One picture `[H', W', 3]` in uint8 on the CPU of images `[rows, columns, C, H, W]`, with white between them.

    Of stacked frames the newest is shown; grey images become grey colours.
    """
    rows, columns, channels, height, width = images.shape
    images = images[:, :, -3:] if channels % 3 == 0 else images[:, :, -1:].expand(-1, -1, 3, -1, -1)
    picture = images.new_full((rows, height + GAP, columns, width + GAP, 3), 255)
    picture[:, :height, :, :width] = images.permute(0, 3, 1, 4, 2)
    return picture.reshape(rows * (height + GAP), columns * (width + GAP), 3)[:-GAP, :-GAP].cpu()
