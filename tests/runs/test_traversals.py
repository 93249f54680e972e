"""Pictures of what a VAE sees."""

import pytest
import torch
from latent_doubles import sequences
from tensordict import TensorDict

from fulgurite.models.filtering import Filtering
from fulgurite.models.latent import CategoricalLatent, GaussianLatent
from fulgurite.models.latent_heads import LatentReward
from fulgurite.models.latent_world_model import LatentWorldModel
from fulgurite.models.observation import ObservationModel
from fulgurite.models.observation_shape import ObservationShape
from fulgurite.models.rssm import RSSM
from fulgurite.models.vae import VAE
from fulgurite.runs.traversals import kl_by_variable, known, reconstructions, tiled, traversals


def vae_of(shape: ObservationShape) -> VAE:
    torch.manual_seed(0)
    return VAE(ObservationModel(shape), GaussianLatent(4, min_std=0.0))


def images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def frames(observation: torch.Tensor | TensorDict) -> TensorDict:
    return TensorDict({"observation": observation}, [len(observation)])


def test_a_row_moves_one_variable_from_end_to_end() -> None:
    vae, x = vae_of((3, 16, 16)), images(6, 3, 16, 16)
    with torch.no_grad():
        vae.posterior.output.weight[1] *= 30  # variable 1 now carries most nats
    found = traversals(known(vae, frames(x)), variables=3, steps=5, extent=2.0)
    assert found.shape == (3, 5, 3, 16, 16)
    assert found.dtype == torch.uint8
    state = vae.encode(x[0]).detach()
    for column, value in ((0, -2.0), (2, 0.0), (4, 2.0)):
        moved = state.clone()
        moved[1] = value
        assert torch.equal(found[0, column], vae.observation.decode(moved).round().to(torch.uint8))


def test_reconstructions_stand_below_their_images() -> None:
    vae, x = vae_of((3, 16, 16)), images(6, 3, 16, 16)
    found = reconstructions(known(vae, frames(x)), x)
    assert torch.equal(found[0], x)
    assert torch.equal(found[1], vae.observation.decode(vae.encode(x)).detach().round().to(torch.uint8))


def test_the_image_of_a_dictionary() -> None:
    vae = vae_of({"speed": (2,), "camera": (1, 16, 16), "other": (3, 8, 8)})
    entries = {"speed": torch.randn(6, 2), "camera": images(6, 1, 16, 16), "other": images(6, 3, 8, 8)}
    x = TensorDict(entries, batch_size=6)
    of = known(vae, frames(x))
    assert traversals(of).shape == (4, 9, 1, 16, 16)
    assert torch.equal(reconstructions(of, x, entry="other")[0], x["other"])
    with pytest.raises(ValueError, match="entry: need one of the images camera, other, got 'speed'"):
        traversals(of, entry="speed")


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
        traversals(known(vae_of((5,)), frames(torch.randn(4, 5))))


def test_a_categorical_variable_goes_through_its_classes() -> None:
    vae = VAE(ObservationModel((3, 8, 8)), CategoricalLatent(2, 3))
    of = known(vae, frames(images(4, 3, 8, 8)))
    found = traversals(of)
    assert found.shape == (2, 3, 3, 8, 8)
    state = of.state[0].clone()
    state[3:] = torch.tensor([0.0, 1.0, 0.0])
    row = of.kl.argsort(descending=True).tolist().index(1)
    assert torch.equal(found[row, 1], vae.observation.decode(state[None])[0].detach().round().to(torch.uint8))


def test_a_world_models_states_are_moved_in_their_stochastic_part_about_the_frames() -> None:
    torch.manual_seed(0)
    dynamics = RSSM(1, GaussianLatent(3), deterministic_size=5, hidden=[4])
    world = LatentWorldModel(1, ObservationModel((1, 8, 8)), Filtering(4), dynamics, LatentReward(hidden=[4]))
    batch = sequences((2,))
    batch["observation"] = images(*batch["is_init"].shape[:2], 1, 8, 8)
    of = known(world, batch)
    assert of.state.shape == (batch["is_init"].numel(), 8)
    torch.testing.assert_close(of.centre, of.state[:, 5:].mean(0))
    found = traversals(of, variables=1, steps=3, extent=1.0, frame=4)
    state, most = of.state[4].clone(), int(of.kl.argmax())
    state[5 + most] = of.centre[most] + of.spread[most]
    assert torch.equal(found[0, 2], world.decode(state[None])[0].detach().round().to(torch.uint8))
    assert reconstructions(of, batch["observation"], count=4).shape == (2, 4, 1, 8, 8)


def test_the_nats_of_each_variable() -> None:
    drawing = kl_by_variable(torch.tensor([0.5, 2.0, 0.001]))
    (axes,) = drawing.axes
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([2.0, 0.5, 0.001])
    assert all(tick == round(tick) for tick in axes.get_xticks())
    assert drawing.get_suptitle() == "2 of 3 latent variables carry 2.5 nats a frame"
