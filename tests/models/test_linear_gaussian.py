"""Linear-Gaussian dynamics and observations against torch.distributions, and what they refuse."""

import pytest
import torch
from torch.distributions import MultivariateNormal

from fulgurite.models.latent_dynamics import distribution
from fulgurite.models.linear_gaussian import LinearGaussian, LinearGaussianObservation

A, B, Q = [[0.9, 0.3], [-0.3, 0.8]], [[0.0], [0.5]], [[0.2, 0.05], [0.05, 0.1]]
M0, P0 = [1.0, -1.0], [[1.0, 0.2], [0.2, 0.5]]
C, R = [[1.0, 0.5]], [[0.3]]


def test_the_distributions_are_the_systems() -> None:
    dynamics = LinearGaussian(A, B, Q, M0, P0)
    state, action = torch.randn(5, 4, 2), torch.randn(5, 4, 1)
    found = dynamics.predict(state, action, None)
    torch.testing.assert_close(found.mean, state @ torch.tensor(A).T + action @ torch.tensor(B).T)
    torch.testing.assert_close(found.covariance_matrix, torch.tensor(Q).expand(5, 4, 2, 2))
    first = distribution(dynamics.latent, dynamics.first(state))
    torch.testing.assert_close(first.mean, torch.tensor(M0))
    torch.testing.assert_close(first.covariance_matrix, torch.tensor(P0))
    noise = torch.randn(5, 4, 2)
    moved = found.mean + noise @ torch.linalg.cholesky(torch.tensor(Q)).T
    torch.testing.assert_close(dynamics.step(state, action, None, noise), moved)
    observation = LinearGaussianObservation(C, R).build(2)
    o = torch.randn(5, 4, 1)
    expected = MultivariateNormal(state @ torch.tensor(C).T, torch.tensor(R)).log_prob(o)
    torch.testing.assert_close(observation.log_likelihood(state, o)["observation"], expected)


def test_known_matrices_are_no_parameters_and_learned_ones_start_there() -> None:
    assert not list(LinearGaussian(A, B, Q, M0, P0).parameters())
    every = ("transition", "control", "process", "first_mean", "first_covariance")
    learned = LinearGaussian(A, B, Q, M0, P0, learned=every)
    assert len(learned.own_parameters()) == 5
    torch.testing.assert_close(
        learned.prior(torch.zeros(2), None), LinearGaussian(A, B, Q, M0, P0).prior(torch.zeros(2), None)
    )
    assert set(LinearGaussian(A, B, Q, M0, P0).state_dict()) == set(learned.state_dict())


def test_a_learned_system_comes_to_the_truth() -> None:
    """By maximum likelihood on states that are seen: the one-step prediction error method, exact in the limit."""
    torch.manual_seed(0)
    truth = LinearGaussian(A, B, Q, M0, P0)
    start = LinearGaussian(
        [[0.5, 0.0], [0.0, 0.5]], [[0.1], [0.1]], [[1.0, 0.0], [0.0, 1.0]], M0, P0, ("transition", "control", "process")
    )
    state, action = torch.randn(20_000, 2), torch.randn(20_000, 1)
    following = truth.step(state, action, None, torch.randn(20_000, 2))
    optimizer = torch.optim.LBFGS(start.own_parameters(), max_iter=60, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = -start.predict(state, action, None).log_prob(following).mean()
        value.backward()
        return value

    optimizer.step(loss)
    torch.testing.assert_close(start.constants["transition"], torch.tensor(A), atol=0.02, rtol=0)
    torch.testing.assert_close(start.constants["control"], torch.tensor(B), atol=0.02, rtol=0)
    factor = start.constants["process"]
    torch.testing.assert_close(factor @ factor.T, torch.tensor(Q), atol=0.02, rtol=0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearGaussian([[1.0, 0.0]], B, Q, M0, P0), "transition: need a matrix of 1 x 1, got rows of \\[2\\]"),
        (lambda: LinearGaussian(A, [[1.0]], Q, M0, P0), "control: need a matrix of 2 x any, got rows of \\[1\\]"),
        (lambda: LinearGaussian(A, B, Q, [1.0], P0), "first_mean: need a matrix of 1 x 2, got rows of \\[1\\]"),
        (
            lambda: LinearGaussian(A, B, [[1.0, 2.0], [2.0, 1.0]], M0, P0),
            "process: need a symmetric positive definite matrix, got",
        ),
        (
            lambda: LinearGaussian(A, B, Q, M0, [[1.0, 0.5], [0.0, 1.0]]),
            "first_covariance: need a symmetric positive definite matrix, got",
        ),
        (
            lambda: LinearGaussian(A, B, Q, M0, P0, learned=["procss"]),
            "learned: need some of transition, control, first_mean, process, first_covariance, got procss",
        ),
        (
            lambda: LinearGaussianObservation(C, R).build(3),
            "emission: need 3 numbers a row, one for each of the state, got 2",
        ),
    ],
)
def test_wrong_numbers(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
