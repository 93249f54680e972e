"""The variational autoencoder: exact on probabilistic PCA, its loss against torch.distributions, and fitted alone."""

import copy
import math
from collections.abc import Iterator
from typing import NamedTuple

import pytest
import pytorch_lightning as pl
import torch
from tensordict import TensorDict
from torch import Tensor
from torch.distributions import Independent, MultivariateNormal, Normal, kl_divergence

from fulgurite.models.base import Minibatches
from fulgurite.models.dict_observation import DictEncoder
from fulgurite.models.image_observation import ConvDecoder, ConvEncoder
from fulgurite.models.latent import CategoricalLatent, GaussianLatent
from fulgurite.models.likelihood import GaussianLikelihood, LearnedGaussianLikelihood
from fulgurite.models.observation import ObservationModel
from fulgurite.models.observation_shape import ObservationShape
from fulgurite.models.single_step import SingleStep
from fulgurite.models.vae import VAE
from fulgurite.models.vector_observation import MLPDecoder, MLPEncoder

NOISE = 0.4


def linear_vae() -> VAE:
    shape = (5,)
    observation = ObservationModel(
        shape,
        MLPEncoder(shape, hidden=(), symlog=False),
        MLPDecoder(shape, GaussianLikelihood(NOISE), hidden=()),
    )
    return VAE(observation, GaussianLatent(2, min_std=0.0), SingleStep(hidden=()))


def small_vae(shape: ObservationShape, **settings) -> VAE:
    return VAE(ObservationModel(shape), GaussianLatent(4, min_std=0.0), SingleStep(hidden=(16,)), **settings)


class Loader:
    """The same calls of the trainer in every epoch."""

    def __init__(self, *calls) -> None:
        self.calls = calls

    def __iter__(self) -> Iterator:
        return iter(self.calls)

    def __len__(self) -> int:
        return len(self.calls)


def fit(model: pl.LightningModule, epochs: int, *calls, validation: Loader | None = None) -> pl.Trainer:
    trainer = pl.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, num_sanity_val_steps=0,
    )  # fmt: skip
    trainer.fit(model, Loader(*calls), validation)
    return trainer


# ---------------------------------------------------------------------- exactness


class PCA(NamedTuple):
    """Observations of a probabilistic PCA model, and the best log-likelihood that any of its kind gives to them."""

    rows: Tensor  # [N, O]
    best: float  # nats a row


@pytest.fixture(scope="module")
def pca() -> PCA:
    generator = torch.Generator().manual_seed(3)
    weight = torch.tensor([[1.0, 0.2], [-0.5, 1.0], [0.3, 0.8], [1.2, -0.7], [0.1, 0.0]])
    rows = torch.randn(2000, 2, generator=generator) @ weight.T + torch.tensor([1.0, 0, -1, 0, 2])
    rows = rows + NOISE * torch.randn(2000, 5, generator=generator)
    covariance = rows.double().T.cov(correction=0)
    # Tipping and Bishop 1999, equation 15, with the noise given
    values, vectors = torch.linalg.eigh(covariance)
    loading = vectors[:, -2:] * (values[-2:] - NOISE**2).clamp_min(0).sqrt()
    model = loading @ loading.T + NOISE**2 * torch.eye(5, dtype=torch.float64)
    best = MultivariateNormal(rows.double().mean(0), model).log_prob(rows.double()).mean()
    return PCA(rows, best.item())


@pytest.fixture(scope="module")
def fitted(pca: PCA) -> VAE:
    torch.manual_seed(0)
    order = torch.cat([torch.randperm(2000) for _ in range(8)]).view(40, 400)
    calls = Minibatches(TensorDict(observation=pca.rows, batch_size=2000)[order])
    vae = linear_vae()
    for rate, epochs in ((0.03, 8), (0.01, 5), (1e-3, 5)):
        vae.learning_rate = vae.observation.learning_rate = rate
        fit(vae, epochs, calls)
    return vae.eval()


def exact_model(vae: VAE) -> tuple[Tensor, Tensor]:
    """Loading `[O, Z]` and mean `[O]` of the linear decoder."""
    decoder = vae.observation.decoder
    assert isinstance(decoder, MLPDecoder)
    return decoder.output.weight.detach(), decoder.output.bias.detach()


def test_a_linear_vae_reaches_the_best_log_likelihood(pca: PCA, fitted: VAE) -> None:
    weight, mean = exact_model(fitted)
    model = MultivariateNormal(mean, weight @ weight.T + NOISE**2 * torch.eye(5))
    assert model.log_prob(pca.rows).mean().item() == pytest.approx(pca.best, abs=0.01)
    elbo = fitted.bound(pca.rows.repeat(20, 1), 1).mean().item()
    assert elbo == pytest.approx(pca.best, abs=0.02)


def test_its_posterior_is_the_exact_one(pca: PCA, fitted: VAE) -> None:
    """N(M^-1 W'(x - mu), sigma^2 M^-1), M = W'W + sigma^2 I, whose off-diagonals training has turned away."""
    weight, mean = exact_model(fitted)
    precision = weight.T @ weight + NOISE**2 * torch.eye(2)
    exact_mean = torch.linalg.solve(precision, weight.T @ (pca.rows - mean).T).T
    covariance = NOISE**2 * precision.inverse()
    with torch.no_grad():
        found, std = fitted.statistics(pca.rows).split(2, -1)
    assert (covariance[0, 1] / covariance.diag().prod().sqrt()).abs() < 0.1
    assert (found - exact_mean).square().mean().sqrt() < 0.03  # of a standard deviation of the prior
    assert (std - covariance.diag().sqrt()).square().mean().sqrt() < 0.015


def test_the_importance_weighted_bound_lies_between_elbo_and_log_likelihood(pca: PCA, fitted: VAE) -> None:
    """For a posterior that is wrong, or both would be the same."""
    torch.manual_seed(0)
    vae = copy.deepcopy(fitted)
    with torch.no_grad():
        vae.posterior.output.bias.add_(0.4)  # all means and deviations
    weight, mean = exact_model(vae)
    rows = pca.rows[:500]
    exact = MultivariateNormal(mean, weight @ weight.T + NOISE**2 * torch.eye(5)).log_prob(rows).mean().item()
    bounds = [vae.bound(rows, samples).mean().item() for samples in (1, 5, 50, 1000)]
    assert bounds == sorted(bounds)
    assert bounds[0] < exact - 0.5
    assert bounds[-1] == pytest.approx(exact, abs=0.02)


def test_the_bound_of_categorical_states() -> None:
    """Against the sum over all states."""
    torch.manual_seed(0)
    shape = (3,)
    observation = ObservationModel(shape, decoder=MLPDecoder(shape, GaussianLikelihood(1.0), hidden=(8,)))
    vae = VAE(observation, CategoricalLatent(1, 4), SingleStep(hidden=())).double()
    rows = torch.randn(5, 3, dtype=torch.float64)
    states = torch.eye(4, dtype=torch.float64)
    each = torch.stack([observation.log_likelihood(s.expand(5, 4), rows)["observation"] for s in states])
    torch.testing.assert_close(vae.bound(rows, 2000), (each - math.log(4)).logsumexp(0), atol=0.03, rtol=0)


def test_the_loss_is_minus_the_elbo_of_torch_distributions() -> None:
    torch.manual_seed(0)
    vae = linear_vae()
    rows = torch.randn(50, 3, 5)
    q = Independent(Normal(*vae.statistics(rows).split(2, -1)), 1)
    p = Independent(Normal(torch.zeros(2), torch.ones(2)), 1)
    torch.manual_seed(1)
    state = q.mean + q.stddev * torch.randn(50, 3, 2)
    weight, mean = exact_model(vae)
    nats = Independent(Normal(state @ weight.T + mean, NOISE), 1).log_prob(rows)
    torch.manual_seed(1)
    loss = vae.loss(TensorDict(observation=rows, batch_size=50))
    torch.testing.assert_close(loss["reconstruction_observation"], -nats.mean())
    torch.testing.assert_close(loss["kl"], kl_divergence(q, p).mean())


def test_beta_and_free_nats() -> None:
    batch = TensorDict(observation=torch.randn(50, 5), batch_size=50)
    kl = {}
    for beta, free in ((1.0, 0.0), (4.0, 0.0), (2.0, 1e3)):
        torch.manual_seed(0)
        vae = small_vae((5,), beta=beta, free_nats=free)
        kl[beta] = vae.loss(batch)["kl"]
        gradient = torch.autograd.grad(kl[beta], list(vae.posterior.parameters()))
        assert any(one.any() for one in gradient) == (free == 0)
    assert kl[4.0].item() == pytest.approx(4 * kl[1.0].item(), rel=1e-5)
    assert kl[2.0].item() == 2e3


# ---------------------------------------------------------------------- gradients


@pytest.mark.parametrize("latent", [GaussianLatent(3, min_std=0.0), GaussianLatent(2, min_std=0.1)])
def test_gradients_by_finite_differences(latent: GaussianLatent) -> None:
    """Of everything at once: convolutions, perceptrons, both likelihoods and the KL, in double precision."""
    torch.manual_seed(0)
    shape = {"pixels": (1, 8, 8), "speed": (2,)}
    encoder = DictEncoder(shape, {"pixels": lambda observation_shape: ConvEncoder(observation_shape, 2, "tanh")})
    observation = ObservationModel(shape, encoder)
    vae = VAE(observation, latent, SingleStep(hidden=(3,))).double()
    pixels = torch.randint(0, 256, (4, 1, 8, 8)).to(torch.uint8)
    frames = TensorDict(pixels=pixels, speed=torch.randn(4, 2).double(), batch_size=4)
    batch = TensorDict(observation=frames, batch_size=4)

    def loss() -> Tensor:
        torch.manual_seed(5)
        return torch.stack(list(vae.loss(batch).values())).sum()

    parameters = dict(vae.named_parameters())
    gradients = dict(zip(parameters, torch.autograd.grad(loss(), list(parameters.values())), strict=True))
    for name, parameter in parameters.items():
        direction = torch.randn_like(parameter)
        values = []
        for step in (1e-6, -1e-6):
            with torch.no_grad():
                parameter.add_(step * direction)
                values.append(loss().item())
                parameter.sub_(step * direction)
        expected = (values[0] - values[1]) / 2e-6
        assert (gradients[name] * direction).sum().item() == pytest.approx(expected, rel=1e-4, abs=1e-5), name


# ---------------------------------------------------------------------- fitting


def test_it_is_fitted_alone_on_images_of_sequences() -> None:
    """A white square at one of four places: reconstructed, and told by at least log 4 nats."""
    torch.manual_seed(0)
    frames = torch.zeros(4, 1, 16, 16, dtype=torch.uint8)
    for i in range(4):
        frames[i, :, 8 * (i // 2) : 8 * (i // 2) + 8, 8 * (i % 2) : 8 * (i % 2) + 8] = 255
    shape = (1, 16, 16)
    decoder = ConvDecoder(shape, LearnedGaussianLikelihood(min_std=0.05), channels=4)
    observation = ObservationModel(shape, ConvEncoder(shape, 4), decoder, learning_rate=3e-3)
    vae = VAE(observation, GaussianLatent(6, min_std=0.0), SingleStep((16,)), learning_rate=3e-3)
    chosen = torch.randint(4, (25, 8, 5))  # K, B, L
    calls = Minibatches(TensorDict(observation=frames[chosen], batch_size=(25, 8)))
    held_out = TensorDict(observation=frames[torch.arange(8).view(2, 4) % 4], batch_size=2)
    trainer = fit(vae, 10, calls, validation=Loader(held_out))
    with torch.no_grad():
        error = vae.observation.decode(vae.encode(frames)) - frames
    assert error.square().mean().sqrt() < 255 * 0.08
    scores = trainer.callback_metrics
    assert scores["validation/kl"] > math.log(4)
    assert scores["validation/kl_least"] <= scores["validation/kl_median"] <= scores["validation/kl_largest"]
    assert scores["validation/elbo"] == pytest.approx(scores["validation/reconstruction"] - scores["validation/kl"])
    assert trainer.callback_metrics["loss/kl"] > 0


def test_it_is_fitted_alone_on_transitions_of_dictionaries() -> None:
    torch.manual_seed(0)
    vae = small_vae({"pixels": (1, 8, 8), "speed": (2,)})
    before = [one.clone() for one in vae.parameters()]
    frames = TensorDict(
        pixels=torch.randint(0, 256, (6, 1, 8, 8)).to(torch.uint8), speed=torch.randn(6, 2), batch_size=6
    )
    batch = TensorDict(observation=frames, batch_size=6)
    fit(vae, 1, batch)
    assert all((one != old).any() for one, old in zip(vae.parameters(), before, strict=True))
    assert set(vae.loss(batch)) == {"reconstruction_pixels", "reconstruction_speed", "kl"}
    scores = vae.evaluate(batch)
    parts = scores["reconstruction_pixels"] + scores["reconstruction_speed"]
    torch.testing.assert_close(parts, scores["reconstruction"])


def test_a_state_that_says_nothing_is_collapsed() -> None:
    vae = small_vae((5,))
    with torch.no_grad():
        vae.posterior.output.weight.zero_()
        vae.posterior.output.bias.copy_(torch.tensor([0.0, 0, 0, 0.5, *[math.log(math.e - 1)] * 4]))
    scores = vae.evaluate(TensorDict(observation=torch.randn(50, 5), batch_size=50))
    assert scores["collapsed"] == 0.75
    assert scores["kl"].item() == pytest.approx(0.125, abs=1e-5)


@pytest.mark.parametrize(("argument", "got"), [("beta", -1.0), ("free_nats", -0.5)])
def test_wrong_numbers(argument: str, got: float) -> None:
    with pytest.raises(ValueError, match=f"{argument}: need at least 0, got {got}"):
        small_vae((5,), **{argument: got})
