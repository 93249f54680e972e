"""What latent states tell, in pictures: reconstructions, what each variable does to an image, and the nats it carries.

A traversal moves one variable over its values and leaves the others where the posterior puts them (Higgins et al. 2017,
section 4.2). The variables come in the order of the nats that they carry.
"""

from typing import NamedTuple

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from tensordict import TensorDictBase
from torch import Tensor

from ..models.latent import CategoricalLatent, Latent
from ..models.latent_world_model import COLLAPSED, LatentWorldModel
from ..models.observation import ObservationModel
from ..models.observation_shape import Observation, image_size
from ..models.vae import VAE
from .figures import COLOURS, GREY, panels
from .newest_colours import newest_colours

GAP = 2  # pixels between images of a picture


class Known(NamedTuple):
    """What a model knows of N frames.

    Attributes:
        observation: p(o | s).
        latent: the family of z.
        state: `[N, S]`, by the posterior's means; z is its end.
        kl: `[V]`, the nats of each variable, the mean over frames.
        centre: `[Z]`, of z: the prior's mean, or the frames' where the prior moves with the state.
        spread: `[Z]`, the standard deviation likewise.
    """

    observation: ObservationModel
    latent: Latent
    state: Tensor
    kl: Tensor
    centre: Tensor
    spread: Tensor


@torch.no_grad()
def known(model: VAE | LatentWorldModel, batch: TensorDictBase) -> Known:
    """What it knows of a batch as it learns from: transitions or sequences, whose frames come in a row."""
    batch = batch.to(model.device)
    if isinstance(model, VAE):
        statistics = model.statistics(batch["observation"])  # [*B, Q]
        kl = model.kl(statistics).flatten(0, -2).mean(0)
        state = model.latent.mean(statistics).flatten(0, -2)
        standard = model.latent.standard(statistics)
        return Known(model.observation, model.latent, state, kl, model.latent.mean(standard), torch.ones_like(state[0]))
    features = model.observation.features(batch["observation"])
    latent, action = model.dynamics.latent, batch["previous_action"]
    found = model.posterior.infer(model.dynamics, features, action, batch["is_init"], None)
    kl = latent.kl(found.posterior, found.prior).flatten(0, -2).mean(0)
    state = found.state.flatten(0, -2)
    z = model.dynamics.stochastic(state)
    return Known(model.observation, latent, state, kl, z.mean(0), z.std(0, correction=0))


@torch.no_grad()
def traversals(
    of: Known, variables: int = 8, steps: int = 9, extent: float = 2.5, entry: str | None = None, frame: int = 0
) -> Tensor:
    """Images in uint8 `[V, steps, C, H, W]`, a row for each variable, those that carry most nats first.

    Args:
        of: a model's knowledge of some frames.
        variables: V, at most all there are.
        steps: images of a row; of a categorical variable as many as it has classes.
        extent: from minus so many deviations from the centre to plus as many.
        entry: which image of a dictionary.
        frame: whose state is moved.

    Raises:
        ValueError: for observations that are no images.
    """
    order = of.kl.argsort(descending=True)[:variables].tolist()
    first = of.state.shape[-1] - of.latent.size
    rows = []
    for variable in order:
        if isinstance(of.latent, CategoricalLatent):
            classes = of.latent.classes
            values, at = torch.eye(classes), first + variable * classes
        else:
            line = torch.linspace(-extent, extent, steps)
            values = (of.centre[variable].cpu() + line * of.spread[variable].cpu())[:, None]
            at = first + variable
        row = of.state[frame].repeat(len(values), 1)
        row[:, at : at + values.shape[1]] = values.to(row)
        rows.append(row)
    return image_of(of.observation.decode(torch.stack(rows)), of.observation, entry)


@torch.no_grad()
def reconstructions(of: Known, observation: Observation, count: int = 10, entry: str | None = None) -> Tensor:
    """Images in uint8 `[2, N, C, H, W]`: at most `count` of the frames `[*B, ...]`, evenly spread, and below each what
    its state decodes to.

    Raises:
        ValueError: for observations that are no images.
    """
    N = len(of.state)
    chosen = torch.linspace(0, N - 1, min(count, N)).round().long()
    truth = image_of(observation, of.observation, entry)
    decoded = image_of(of.observation.decode(of.state[chosen.to(of.state.device)]), of.observation, entry)
    return torch.stack([truth.reshape(N, *truth.shape[-3:]).cpu()[chosen], decoded.cpu()])


def kl_by_variable(kl: Tensor) -> Figure:
    """The nats `[V]` that each variable carries, the most first, on a logarithmic axis."""
    nats = kl.sort(descending=True).values.cpu()
    told = int((nats > COLLAPSED).sum())
    drawing, (axes,) = panels(f"{told} of {len(nats)} latent variables carry {nats.sum():.3g} nats a frame", "variable")
    axes.bar(range(len(nats)), nats.clamp_min(COLLAPSED / 10).numpy(), color=COLOURS[0])
    axes.axhline(COLLAPSED, color=GREY, linestyle="--", linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_yscale("log")
    axes.set_ylabel("KL from the prior, nats", fontsize=9)
    return drawing


def image_of(observation: Observation, model: ObservationModel, entry: str | None) -> Tensor:
    """The image in uint8 of an observation, or of a dictionary's entry; by default its first image.

    Raises:
        ValueError: where there is none.
    """
    shape = model.observation_shape
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
    images = newest_colours(images)
    rows, columns, _, height, width = images.shape
    picture = images.new_full((rows, height + GAP, columns, width + GAP, 3), 255)
    picture[:, :height, :, :width] = images.permute(0, 3, 1, 4, 2)
    return picture.reshape(rows * (height + GAP), columns * (width + GAP), 3)[:-GAP, :-GAP].cpu()
