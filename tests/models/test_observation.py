"""Encoders and decoders of vectors, images and dictionaries, and the observation model that holds both."""

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn import functional as F

from fulgurite.equations.symlog import symlog
from fulgurite.models.decoder import NoDecoder
from fulgurite.models.dict_observation import DictDecoder, DictEncoder, default_decoder, default_encoder
from fulgurite.models.image_observation import ConvDecoder, ConvEncoder
from fulgurite.models.likelihood import GaussianLikelihood, PredictedGaussianLikelihood, SymlogLikelihood
from fulgurite.models.observation import ObservationModel
from fulgurite.models.observation_shape import ObservationShape
from fulgurite.models.pixel_likelihood import LogisticLikelihood
from fulgurite.models.trunk import Trunk
from fulgurite.models.vector_observation import MLPDecoder, MLPEncoder

BOTH = {"pixels": (3, 16, 16), "speed": (2,)}


def images(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def both(*batch: int) -> TensorDict:
    return TensorDict(pixels=images(*batch, 3, 16, 16), speed=torch.randn(*batch, 2), batch_size=batch)


def observed(shape: ObservationShape, *batch: int) -> Tensor | TensorDict:
    if isinstance(shape, dict):
        return both(*batch)
    return images(*batch, *shape) if len(shape) == 3 else torch.randn(*batch, *shape)


@pytest.mark.parametrize("batch", [(), (4,), (2, 3), (2, 1, 3)])
@pytest.mark.parametrize("shape", [(5,), (3, 16, 16), (1, 8, 32), BOTH], ids=str)
def test_any_batch_shape(shape: ObservationShape, batch: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    model = ObservationModel(shape).build(4)
    observation, state = observed(shape, *batch), torch.randn(*batch, 4)
    features = model.features(observation)
    assert features.shape == (*batch, model.feature_size)
    nats = model.log_likelihood(state, observation)
    assert set(nats) == (set(BOTH) if isinstance(shape, dict) else {"observation"})
    assert {one.shape for one in nats.values()} == {torch.Size(batch)}
    decoded = model.decode(state)
    if isinstance(shape, dict):
        assert decoded["pixels"].shape == (*batch, 3, 16, 16)
        assert decoded["speed"].shape == (*batch, 2)
    else:
        assert decoded.shape == (*batch, *shape)
    if len(batch) == 2:  # every observation alone gives the same
        alone = model.features(observation[1, 2])
        torch.testing.assert_close(alone, features[1, 2], atol=1e-5, rtol=1e-4)
        for name, one in model.log_likelihood(state[1, 2], observation[1, 2]).items():
            torch.testing.assert_close(one, nats[name][1, 2], atol=1e-3, rtol=1e-4)


def test_a_perceptron_by_hand() -> None:
    torch.manual_seed(0)
    encoder, x = MLPEncoder((3,), hidden=(8,)), torch.randn(5, 3) * 100
    linear, norm = encoder.trunk.linear[0], encoder.trunk.norms[0]
    hidden = F.layer_norm(symlog(x) @ linear.weight.T + linear.bias, (8,), norm.weight, norm.bias)
    torch.testing.assert_close(encoder(x), F.silu(hidden))
    plain = MLPEncoder((3,), hidden=(8,), activation="tanh", layer_norm=False, symlog=False)
    torch.testing.assert_close(plain(x), (x @ plain.trunk.linear[0].weight.T + plain.trunk.linear[0].bias).tanh())
    assert torch.equal(MLPEncoder((3,), hidden=(), symlog=False)(x), x)


@pytest.mark.parametrize(("side", "layers"), [(8, 1), (32, 3), (64, 4), (128, 5)])
def test_an_image_is_halved_down_to_four_pixels(side: int, layers: int) -> None:
    encoder, decoder = ConvEncoder((3, side, side), channels=2), ConvDecoder((3, side, side), channels=2).build(4)
    assert len(encoder.layers) == len(decoder.layers) == layers
    assert encoder.size == 4 * 4 * 2 * 2 ** (layers - 1)
    assert decoder(torch.zeros(1, 4)).shape == (1, 1, 3, side, side)


def test_the_literature_s_widths() -> None:
    encoder = ConvEncoder((3, 64, 64), channels=32)
    assert [layer.out_channels for layer in encoder.layers] == [32, 64, 128, 256]
    assert {layer.kernel_size for layer in encoder.layers} == {(4, 4)}


def test_convolutions_by_hand() -> None:
    torch.manual_seed(0)
    encoder, x = ConvEncoder((3, 8, 8), channels=2), images(4, 3, 8, 8)
    layer = encoder.layers[0]
    expected = F.relu(F.conv2d(x / 255.0 - 0.5, layer.weight, layer.bias, stride=2, padding=1)).flatten(1)
    torch.testing.assert_close(encoder(x), expected)
    decoder = ConvDecoder((3, 8, 8), PredictedGaussianLikelihood(), channels=2).build(4)
    state, last = torch.randn(4, 4), decoder.layers[0]
    start = (state @ decoder.first.weight.T + decoder.first.bias).view(4, 4, 4, 2).permute(0, 3, 1, 2)
    expected = F.conv_transpose2d(start.relu(), last.weight, last.bias, stride=2, padding=1)
    torch.testing.assert_close(decoder(state), torch.stack(expected.split(3, 1), 1))


def test_a_decoder_s_layers_before_the_first_by_hand() -> None:
    torch.manual_seed(0)
    deep = ConvDecoder((3, 8, 8), GaussianLikelihood(std=0.2), channels=2, hidden=(8,)).build(4)
    plain = ConvDecoder((3, 8, 8), GaussianLikelihood(std=0.2), channels=2).build(8)
    plain.load_state_dict({name: value for name, value in deep.state_dict().items() if not name.startswith("trunk")})
    state, linear = torch.randn(4, 4), deep.trunk.linear[0]
    hidden = F.silu(F.layer_norm(state @ linear.weight.T + linear.bias, (8,)))
    torch.testing.assert_close(deep(state), plain(hidden))


def test_many_images_in_pieces_are_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model, x, state = ObservationModel((3, 16, 16)).build(4), images(300, 3, 16, 16), torch.randn(300, 4)

    def results() -> list[Tensor]:
        features, nats = model.features(x), model.log_likelihood(state, x)["observation"]
        loss = features.square().mean() - nats.mean()
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        return [features, nats, model.decode(state), *gradients]

    in_pieces = results()
    monkeypatch.setattr("fulgurite.models.pieces.ROWS", 1000)
    for one, whole in zip(in_pieces, results(), strict=True):
        torch.testing.assert_close(one, whole, atol=1e-4, rtol=1e-3)


def test_each_entry_has_an_encoder_and_a_decoder_of_its_own() -> None:
    torch.manual_seed(0)
    encoder = DictEncoder(BOTH, {"pixels": lambda observation_shape: ConvEncoder(observation_shape, channels=2)})
    assert encoder.size == 4 * 4 * 4 + 200
    observation = both(6)
    parts = [encoder.encoders["pixels"](observation["pixels"]), encoder.encoders["speed"](observation["speed"])]
    torch.testing.assert_close(encoder(observation), torch.cat(parts, -1))
    decoder = DictDecoder(BOTH, {"speed": lambda observation_shape: MLPDecoder(observation_shape, SymlogLikelihood())})
    nats = decoder.build(3).log_likelihood(torch.zeros(6, 3), observation)
    alone = decoder.decoders["speed"].log_likelihood(torch.zeros(6, 3), observation["speed"])
    torch.testing.assert_close(nats["speed"], alone["observation"])
    only = DictDecoder(BOTH, {"pixels": lambda observation_shape: NoDecoder()}).build(3)
    assert set(only.log_likelihood(torch.zeros(6, 3), observation)) == {"speed"}


def test_means_are_in_the_observation_s_own_scale() -> None:
    decoder = ConvDecoder((3, 8, 8), GaussianLikelihood(), channels=2).build(4)
    with torch.no_grad():
        decoder.layers[-1].weight.zero_()
        decoder.layers[-1].bias.fill_(100 / 255 - 0.5)
    torch.testing.assert_close(decoder.mean(torch.randn(2, 4)), torch.full((2, 3, 8, 8), 100.0))


def test_a_model_without_a_decoder() -> None:
    model = ObservationModel((3, 8, 8), decoder=NoDecoder()).build(4)
    assert model.log_likelihood(torch.zeros(2, 4), images(2, 3, 8, 8)) == {}
    with pytest.raises(ValueError, match="decoder: need one to decode states, got NoDecoder"):
        model.decode(torch.zeros(2, 4))


def test_defaults_suit_the_observation() -> None:
    assert isinstance(default_encoder((5,)), MLPEncoder)
    assert isinstance(default_decoder((5,)), MLPDecoder)
    assert isinstance(default_encoder((3, 64, 64)), ConvEncoder)
    assert isinstance(default_decoder((3, 64, 64)), ConvDecoder)
    assert isinstance(default_encoder(BOTH), DictEncoder)
    assert isinstance(default_decoder(BOTH), DictDecoder)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLPEncoder((3, 64, 64)), r"MLPEncoder: observation_shape: need a vector \(O,\), got an image \(3, 64"),
        (lambda: ConvEncoder((5,)), r"ConvEncoder: observation_shape: need an image \(C, H, W\), got a vector \(5,\)"),
        (lambda: ConvEncoder(BOTH), "need an image .* got a dictionary of pixels, speed"),
        (
            lambda: DictEncoder((5,)),
            r"DictEncoder: observation_shape: need a dictionary of shapes, got a vector \(5,\)",
        ),
        (lambda: DictDecoder({}), "DictDecoder: .* got a dictionary of nothing"),
        (lambda: MLPDecoder(BOTH), r"MLPDecoder: observation_shape: need a vector \(O,\), got a dictionary of pixels"),
        (lambda: ConvEncoder((3, 60, 64)), "need sides that are powers of two and at least 8, .* got 60 x 64"),
        (lambda: ConvDecoder((3, 4, 4)), "ConvDecoder: observation_shape: need sides .* got 4 x 4"),
        (lambda: ConvEncoder((3, 8, 8), channels=0), "ConvEncoder: channels: need at least 1, got 0"),
        (lambda: ConvEncoder((3, 8, 8), activation="sine"), "activation: need one of silu, .* got 'sine'"),
        (lambda: MLPDecoder((5,), LogisticLikelihood()), "LogisticLikelihood: observation_shape: need an image"),
        (lambda: Trunk(3, (8, 0)), r"hidden: need sizes of at least 1, got \[8, 0\]"),
        (
            lambda: DictEncoder(BOTH, {"pixel": ConvEncoder}),
            "encoders.pixel: need one of the observations pixels, spee",
        ),
        (lambda: default_encoder((3, 4)), r"need a vector \(O,\) or an image \(C, H, W\), got something \(3, 4\)"),
    ],
)
def test_the_wrong_kind_is_told_in_one_error(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_observations_of_the_wrong_kind() -> None:
    encoder = ConvEncoder((3, 8, 8))
    with pytest.raises(TypeError, match=r"need an image in uint8, got torch\.float32"):
        encoder(torch.zeros(2, 3, 8, 8))
    with pytest.raises(ValueError, match=r"need \[\*B, 3, 8, 8\], got \[2, 8, 8, 3\]"):
        encoder(images(2, 8, 8, 3))
    with pytest.raises(TypeError, match=r"need a tensor \[\*B, 3, 8, 8\], got TensorDict"):
        encoder(both(2))
    with pytest.raises(TypeError, match=r"need a TensorDict of pixels, speed, got a tensor \[2, 3, 16, 16\]"):
        DictEncoder(BOTH)(images(2, 3, 16, 16))
    with pytest.raises(ValueError, match="need pixels, speed, got no speed"):
        DictEncoder(BOTH)(both(2).exclude("speed"))


def test_the_images_themselves_are_left_as_they_were() -> None:
    x = images(2, 3, 16, 16)
    model, before = ObservationModel((3, 16, 16)).build(4), x.clone()
    model.features(x)
    model.log_likelihood(torch.zeros(2, 4), x)
    assert torch.equal(x, before)
