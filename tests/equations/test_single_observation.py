"""The best posterior that sees one observation at a time, against sampling and against what is near it."""

import pytest
import torch
from test_kalman_filter import some_system
from torch import Tensor
from torch.distributions import MultivariateNormal, kl_divergence

from fulgurite.equations.kalman_filter import kalman_filter
from fulgurite.equations.linear_gaussian import LinearGaussianSystem, Simulated, simulate
from fulgurite.equations.single_observation import SingleObservation, single_observation

T = 6


def sampled(system: LinearGaussianSystem, drawn: Simulated, actions: Tensor, q: SingleObservation) -> Tensor:
    """The ELBO of each sequence with one sample of each state, by torch.distributions alone."""
    A, B, Q, m0, P0, C, R = system
    mean = drawn.observations @ q.gain.T + q.offset
    factor = MultivariateNormal(mean, q.covariance)
    z = factor.sample()
    seen = MultivariateNormal(z @ C.T, R).log_prob(drawn.observations).sum(-1)
    first = kl_divergence(MultivariateNormal(mean[:, 0], q.covariance), MultivariateNormal(m0, P0))
    ahead = MultivariateNormal(z[:, :-1] @ A.T + actions[:, 1:] @ B.T, Q)
    return seen - first - kl_divergence(MultivariateNormal(mean[:, 1:], q.covariance), ahead).sum(-1)


@pytest.fixture(scope="module")
def case():
    torch.manual_seed(0)
    system = some_system(2, 1, 1, seed=5)
    spread = torch.tensor([[0.5]], dtype=torch.float64)
    actions = torch.randn(200_000, T, 1, dtype=torch.float64) * spread.sqrt()
    return system, spread, actions, simulate(system, actions)


def test_the_bound_and_the_likelihood_are_those_of_samples(case) -> None:
    system, spread, actions, drawn = case
    best = single_observation(system, spread, T)
    for values, expected in (
        (sampled(system, drawn, actions, best), best.elbo),
        (kalman_filter(system, drawn.observations, actions).log_likelihood, best.log_likelihood),
    ):
        error = values.std() / len(values) ** 0.5
        assert abs(values.mean() - expected) < 4 * error
        assert error < 0.01 * (best.log_likelihood - best.elbo)
    assert best.elbo < best.log_likelihood


def test_none_near_it_is_better(case) -> None:
    system, spread, actions, drawn = case
    best = single_observation(system, spread, T)
    drawn = Simulated(drawn.states[:20_000], drawn.observations[:20_000])
    torch.manual_seed(1)
    bound = sampled(system, drawn, actions[:20_000], best).mean()
    shift = torch.tensor([[0.05], [0.05]], dtype=torch.float64)
    eye = torch.eye(2, dtype=torch.float64)
    for other in (
        best._replace(gain=best.gain + shift),
        best._replace(gain=best.gain - shift),
        best._replace(offset=best.offset + shift[:, 0]),
        best._replace(offset=best.offset - shift[:, 0]),
        best._replace(covariance=best.covariance * 1.2),
        best._replace(covariance=best.covariance / 1.2),
        best._replace(covariance=best.covariance + 0.3 * best.covariance.diagonal().min() * eye.flip(0)),
    ):
        torch.manual_seed(1)
        assert sampled(system, drawn, actions[:20_000], other).mean() < bound


def test_one_frame_says_all_where_there_is_one() -> None:
    """With T = 1 the posterior is exact."""
    best = single_observation(some_system(2, 1, 1, seed=6), torch.eye(1, dtype=torch.float64), 1)
    torch.testing.assert_close(best.elbo, best.log_likelihood)
