"""On a linear-Gaussian system with known parameters the learned posteriors are the exact ones."""

from typing import NamedTuple

import pytest
import torch

from benchmarks.posteriors import Bench, Judged, LinearSingleStep
from fulgurite.models.full_gaussian import FullGaussianLatent
from fulgurite.models.gated_transition import GatedTransition
from fulgurite.models.linear_gaussian import LinearGaussianObservation
from fulgurite.models.smoothing import Smoothing


class Trained(NamedTuple):
    """The smoother and its filter, judged."""

    smoother: Judged
    filter: Judged


def trained(frames: int, updates: int, hidden: int, bidirectional: bool = False) -> Trained:
    torch.manual_seed(0)
    bench = Bench(frames)
    posterior = Smoothing(hidden, bidirectional).build(1, 1, bench.dynamics)
    bench.train(posterior, updates, batch=64, learning_rate=2e-2, seed=0)
    return Trained(bench.judge(posterior, 0.0), bench.judge_filter(posterior))


def check(found: Trained, gap: float) -> None:
    """The smoother is the RTS smoother and the filter the Kalman filter; the bound is `gap` nats or less below."""
    for judged in found:
        assert judged.error < 0.1  # standard deviations of the exact posterior
        assert judged.least > 0.9
        assert judged.most < 1.1
        assert judged.gap < gap  # nats a sequence
        assert judged.gap > -3 * judged.doubt  # no bound is above the likelihood


def test_smoother_and_filter_come_to_the_exact_posteriors() -> None:
    check(trained(frames=12, updates=600, hidden=24), gap=0.15)


@pytest.mark.slow
@pytest.mark.parametrize("bidirectional", [False, True])
def test_they_come_closer_with_more_updates(bidirectional: bool) -> None:
    found = trained(frames=20, updates=1000, hidden=32, bidirectional=bidirectional)
    check(found, gap=0.15)
    assert found.smoother.error < 0.06
    assert found.filter.error < 0.06


@pytest.mark.slow
def test_a_model_that_is_learned_with_its_posterior_comes_to_the_likelihood_of_the_true_one() -> None:
    torch.manual_seed(0)
    bench = Bench(12)
    bench.dynamics = GatedTransition(FullGaussianLatent(2, min_std=0.01), 1, (32,))
    bench.observation = LinearGaussianObservation([[1.0, 0.0]], [[1.0]], learned=("emission", "noise"))
    posterior = Smoothing(24).build(1, 1, bench.dynamics)
    learned = torch.nn.ModuleList([posterior, bench.dynamics, bench.observation])
    bench.train(posterior, 1200, batch=64, learning_rate=1e-2, seed=0, parameters=learned.parameters())
    with torch.no_grad():
        noise = torch.randn(*bench.actions.shape[:2], 2)
        _, bound = bench.infer(posterior, bench.tested.observations, bench.actions, noise)
    gap = bench.filtered.log_likelihood - bound
    assert gap.mean() < 0.15  # nats a sequence of 12 frames
    assert gap.mean() > -3 * gap.std() / len(gap) ** 0.5


def test_a_single_observation_falls_short_by_what_theory_says() -> None:
    torch.manual_seed(0)
    bench = Bench(12)
    posterior = LinearSingleStep().build(1, 1, bench.dynamics)
    bench.train(posterior, 600, batch=64, learning_rate=2e-2, seed=0)
    found = bench.judge(posterior, bench.shortfall)
    assert bench.shortfall > 10  # nats a sequence
    assert abs(found.gap - bench.shortfall) < 3 * found.doubt
    assert found.doubt < 0.02 * bench.shortfall
    best = bench.best_single
    torch.testing.assert_close(posterior.mean.weight.double(), best.gain, atol=0.01, rtol=0)
    _, factor = bench.dynamics.latent.split(bench.dynamics.latent.read(torch.cat([torch.zeros(2), posterior.raw])))
    torch.testing.assert_close((factor @ factor.T).double(), best.covariance, atol=0.002, rtol=0.05)
