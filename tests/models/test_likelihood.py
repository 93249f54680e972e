"""Likelihoods of observations against torch.distributions."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Normal

from fulgurite.equations.symlog import symexp, symlog
from fulgurite.models.likelihood import (
    GaussianLikelihood,
    LearnedGaussianLikelihood,
    Likelihood,
    PredictedGaussianLikelihood,
    SymlogLikelihood,
)
from fulgurite.models.pixel_likelihood import BernoulliLikelihood, LogisticLikelihood

IMAGE = (3, 8, 8)


def image(rows: int = 4) -> Tensor:
    return torch.randint(0, 256, (rows, *IMAGE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def output(rows: int, parts: int, *shape: int) -> Tensor:
    return torch.randn(rows, parts, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def test_a_fixed_deviation() -> None:
    likelihood, observed, raw = GaussianLikelihood(0.3).build((5,)), output(4, 1, 5)[:, 0] * 2, output(4, 1, 5)
    expected = Normal(raw[:, 0], 0.3).log_prob(observed).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(raw, observed), expected)
    torch.testing.assert_close(likelihood.mean(raw), raw[:, 0])


def test_images_are_seen_between_minus_and_plus_one_half() -> None:
    likelihood, raw = GaussianLikelihood(0.3).build(IMAGE), output(4, 1, *IMAGE)
    expected = Normal(raw[:, 0], 0.3).log_prob(image() / 255.0 - 0.5).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.log_prob(raw, image()), expected, rtol=1e-6, atol=1e-4)
    exact = (image().double() / 255 - 0.5)[:, None]
    torch.testing.assert_close(likelihood.mean(exact), image().double())
    assert likelihood.mean(exact * 10).min() == 0
    assert likelihood.mean(exact * 10).max() == 255


@pytest.mark.parametrize("shape", [(5,), IMAGE])
def test_a_learned_deviation(shape: tuple[int, ...]) -> None:
    likelihood = LearnedGaussianLikelihood(0.7, min_std=0.1).build(shape).double()
    torch.testing.assert_close(likelihood.std(), torch.full_like(likelihood.std(), 0.7))
    with torch.no_grad():
        likelihood.log_std.add_(torch.randn_like(likelihood.log_std) / 20)
    assert likelihood.log_std.numel() == (5 if len(shape) == 1 else 1)
    observed = image() if len(shape) == 3 else output(4, 1, 5)[:, 0] * 2
    target = observed / 255.0 - 0.5 if len(shape) == 3 else observed
    raw = output(4, 1, *shape)
    expected = Normal(raw[:, 0], likelihood.std()).log_prob(target).flatten(1).sum(1)
    torch.testing.assert_close(likelihood.log_prob(raw, observed), expected, rtol=1e-6, atol=1e-4)


def test_the_best_learned_deviation_is_the_root_mean_squared_error() -> None:
    likelihood = LearnedGaussianLikelihood(1.0, min_std=1e-3).build(IMAGE)
    raw, error = torch.zeros(4, 1, *IMAGE), image() / 255.0 - 0.5
    optimizer = torch.optim.Adam(likelihood.parameters(), 1e-3)
    for _ in range(600):
        optimizer.zero_grad()
        (-likelihood.log_prob(raw, image()).mean()).backward()
        optimizer.step()
    assert likelihood.std().item() == pytest.approx(error.square().mean().sqrt().item(), rel=0.01)


def test_a_predicted_deviation() -> None:
    likelihood, raw, observed = PredictedGaussianLikelihood(0.05).build((5,)), output(4, 2, 5), output(4, 1, 5)[:, 0]
    std = torch.nn.functional.softplus(raw[:, 1]) + 0.05
    expected = Normal(raw[:, 0], std).log_prob(observed).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(raw, observed), expected)


def test_symlog() -> None:
    likelihood, raw, observed = SymlogLikelihood().build((5,)), output(4, 1, 5), output(4, 1, 5)[:, 0] * 1000
    expected = Normal(raw[:, 0], 1.0).log_prob(symlog(observed)).sum(-1)
    torch.testing.assert_close(likelihood.log_prob(raw, observed), expected)
    torch.testing.assert_close(likelihood.mean(raw), symexp(raw[:, 0]))


def test_bernoulli() -> None:
    likelihood, raw = BernoulliLikelihood().build(IMAGE), output(4, 1, *IMAGE)
    black_and_white = (image() > 100).to(torch.uint8) * 255
    expected = Bernoulli(logits=raw[:, 0]).log_prob(black_and_white.double() / 255).sum((1, 2, 3))
    torch.testing.assert_close(likelihood.log_prob(raw, black_and_white), expected)
    torch.testing.assert_close(likelihood.mean(raw), raw[:, 0].sigmoid() * 255)


def test_the_logistic_is_a_probability_of_levels() -> None:
    """The 256 images of one number that there are have probabilities that sum to one, whatever the state."""
    likelihood = LogisticLikelihood().build((1, 1, 1)).double()
    every = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1)
    for raw in (output(1, 2, 1, 1, 1), output(1, 2, 1, 1, 1) * 30):
        log = likelihood.log_prob(raw.expand(256, -1, -1, -1, -1), every)
        assert log.exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_the_logistic_prefers_the_level_where_it_is() -> None:
    likelihood = LogisticLikelihood().build((1, 1, 1)).double()
    raw = torch.tensor([60 / 255 - 0.5, -9.0], dtype=torch.float64).view(1, 2, 1, 1, 1)
    every = torch.arange(256, dtype=torch.uint8).view(256, 1, 1, 1)
    log = likelihood.log_prob(raw.expand(256, -1, -1, -1, -1), every)
    assert log.argmax() == 60
    assert log.max().exp() > 0.95  # the least scale is a tenth of a level
    assert likelihood.mean(raw).item() == pytest.approx(60)
    assert likelihood.log_prob(torch.zeros_like(raw), every[:1]).item() > -math.log(256) - 5


@pytest.mark.parametrize(
    ("likelihood", "shape"),
    [
        (GaussianLikelihood(0.3), IMAGE),
        (LearnedGaussianLikelihood(), IMAGE),
        (PredictedGaussianLikelihood(), IMAGE),
        (BernoulliLikelihood(), IMAGE),
        (LogisticLikelihood(), IMAGE),
        (SymlogLikelihood(), (5,)),
        (LearnedGaussianLikelihood(), (5,)),
    ],
    ids=lambda one: type(one).__name__,
)
def test_gradients_by_finite_differences(likelihood: Likelihood, shape: tuple[int, ...]) -> None:
    if len(shape) == 3:
        shape = (1, 2, 2)
        observed = torch.tensor([[0, 30], [200, 255]], dtype=torch.uint8).view(1, 1, 2, 2)
    else:
        observed = output(1, 1, *shape)[:, 0]
    likelihood = likelihood.build(shape).double()
    raw = output(1, likelihood.parts, *shape).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: likelihood.log_prob(x, observed), (raw, *likelihood.parameters()))


def test_pixels_in_any_order_of_memory_give_the_same() -> None:
    for likelihood in (GaussianLikelihood(0.3), LogisticLikelihood(), BernoulliLikelihood()):
        built = likelihood.build(IMAGE)
        raw = output(4, likelihood.parts, *IMAGE)
        other = raw.flatten(1, 2).contiguous(memory_format=torch.channels_last).unflatten(1, (likelihood.parts, 3))
        torch.testing.assert_close(built.log_prob(raw, image()), built.log_prob(other, image()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GaussianLikelihood(0), "std: need more than 0, got 0"),
        (lambda: LearnedGaussianLikelihood(0.1, 0.2), "need 0 < min_std < initial_std, got 0.2 and 0.1"),
        (lambda: PredictedGaussianLikelihood(-1), "min_std: need more than 0, got -1"),
        (lambda: LogisticLikelihood(0), "min_scale: need a number between 0 and 32, got 0"),
        (lambda: LogisticLikelihood().build((5,)), r"LogisticLikelihood: .* need an image \(C, H, W\), got a vector"),
        (lambda: BernoulliLikelihood().build((5,)), "BernoulliLikelihood: .* need an image"),
        (lambda: SymlogLikelihood().build(IMAGE), r"SymlogLikelihood: .* need a vector \(O,\), got an image \(3, 8, 8"),
    ],
)
def test_wrong_numbers(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
