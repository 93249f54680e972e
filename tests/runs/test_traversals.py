"""Pictures of what a VAE sees."""

import pytest
import torch
from tensordict import TensorDict

from fulgurite.models.latent import CategoricalLatent, GaussianLatent
from fulgurite.models.observation import ObservationModel
from fulgurite.models.observation_shape import ObservationShape
from fulgurite.models.vae import VAE
from fulgurite.runs.traversals import reconstructions, tiled, traversals


def vae_of(shape: ObservationShape) -> VAE:
    torch.manual_seed(0)
    return VAE(ObservationModel(shape), GaussianLatent(4, min_std=0.0))


def images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def test_a_row_moves_one_variable_from_end_to_end() -> None:
    vae, x = vae_of((3, 16, 16)), images(6, 3, 16, 16)
    with torch.no_grad():
        vae.posterior.output.weight[1] *= 30  # variable 1 now carries most nats
    found = traversals(vae, x, variables=3, steps=5, extent=2.0)
    assert found.shape == (3, 5, 3, 16, 16)
    assert found.dtype == torch.uint8
    state = vae.encode(x[0]).detach()
    for column, value in ((0, -2.0), (2, 0.0), (4, 2.0)):
        moved = state.clone()
        moved[1] = value
        assert torch.equal(found[0, column], vae.observation.decode(moved).round().to(torch.uint8))


def test_reconstructions_stand_below_their_images() -> None:
    vae, x = vae_of((3, 16, 16)), images(6, 3, 16, 16)
    found = reconstructions(vae, x)
    assert torch.equal(found[0], x)
    assert torch.equal(found[1], vae.observation.decode(vae.encode(x)).detach().round().to(torch.uint8))


def test_the_image_of_a_dictionary() -> None:
    vae = vae_of({"speed": (2,), "camera": (1, 16, 16), "other": (3, 8, 8)})
    entries = {"speed": torch.randn(6, 2), "camera": images(6, 1, 16, 16), "other": images(6, 3, 8, 8)}
    x = TensorDict(entries, batch_size=6)
    assert traversals(vae, x).shape == (4, 9, 1, 16, 16)
    assert torch.equal(reconstructions(vae, x, entry="other")[0], x["other"])
    with pytest.raises(ValueError, match="entry: need one of the images camera, other, got 'speed'"):
        traversals(vae, x, entry="speed")


def test_a_picture_of_rows_and_columns() -> None:
    x = images(2, 3, 6, 4, 5)  # two stacked frames: the newest are the last channels
    picture = tiled(x)
    assert picture.shape == (2 * 4 + 2, 3 * 5 + 2 * 2, 3)
    for row in range(2):
        for column in range(3):
            part = picture[row * 6 : row * 6 + 4, column * 7 : column * 7 + 5]
            assert torch.equal(part, x[row, column, 3:].permute(1, 2, 0))
    assert (picture[4:6] == 255).all()
    grey = tiled(images(1, 1, 1, 4, 4))
    assert torch.equal(grey, grey[..., :1].expand(-1, -1, 3))


def test_what_cannot_be_traversed() -> None:
    with pytest.raises(ValueError, match=r"need an image \(C, H, W\), got a vector \(5,\)"):
        traversals(vae_of((5,)), torch.randn(4, 5))
    vae = VAE(ObservationModel((3, 8, 8)), CategoricalLatent(2, 3))
    with pytest.raises(ValueError, match="latent: need a GaussianLatent to traverse, got CategoricalLatent"):
        traversals(vae, images(4, 3, 8, 8))
