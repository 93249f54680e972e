"""Filter, smoother and likelihood of linear-Gaussian systems, against conditioning of the joint Gaussian."""

import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal

from fulgurite.equations.kalman_filter import kalman_filter
from fulgurite.equations.linear_gaussian import LinearGaussianSystem, simulate, stationary_covariance
from fulgurite.equations.multivariate_gaussian import multivariate_gaussian_nll
from fulgurite.equations.rts_smoother import rts_smoother


def some_system(Z: int, A: int, O: int, seed: int) -> LinearGaussianSystem:
    """Random matrices in float64."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def covariance(size: int) -> Tensor:
        root = normal(size, size)
        return root @ root.T / size + 0.1 * torch.eye(size, dtype=torch.float64)

    return LinearGaussianSystem(
        0.5 * normal(Z, Z), normal(Z, A), covariance(Z), normal(Z), covariance(Z), normal(O, Z), covariance(O)
    )


def joint(system: LinearGaussianSystem, actions: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of (z_1, ..., z_L, o_1, ..., o_L) under actions `[L, A]`.

    All are linear in the independent z_1, w_2..w_L, v_1..v_L: build that matrix, by nothing but the definition.
    """
    A, B, Q, m0, P0, C, R = system
    L, Z, O = len(actions), len(A), len(R)
    noise = torch.block_diag(P0, *[Q] * (L - 1), *[R] * L)
    rows = torch.zeros(L * (Z + O), len(noise), dtype=A.dtype)
    mean = torch.zeros(L * (Z + O), dtype=A.dtype)
    for t in range(L):
        z = slice(t * Z, t * Z + Z)
        rows[z, z] = torch.eye(Z, dtype=A.dtype)
        mean[z] = m0
        if t:
            before = slice(z.start - Z, z.start)
            rows[z] += A @ rows[before]
            mean[z] = A @ mean[before] + B @ actions[t]
        o = slice(L * Z + t * O, L * Z + t * O + O)
        rows[o] = C @ rows[z]
        rows[o, o] += torch.eye(O, dtype=A.dtype)
        mean[o] = C @ mean[z]
    return mean, rows @ noise @ rows.T


def conditioned(mean: Tensor, covariance: Tensor, known: list[int], values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of everything given some entries."""
    gain = torch.linalg.solve(covariance[known][:, known], covariance[known]).T
    return mean + gain @ (values - mean[known]), covariance - gain @ covariance[known]


@pytest.mark.parametrize("sizes", [(2, 1, 1), (3, 2, 2), (1, 1, 3)])
def test_filter_smoother_and_likelihood_are_those_of_the_joint_gaussian(sizes: tuple[int, int, int]) -> None:
    Z, _, O = sizes
    L = 5
    system = some_system(*sizes, seed=0)
    actions = torch.randn(4, L, sizes[1], dtype=torch.float64)
    observations = simulate(system, actions).observations
    filtered = kalman_filter(system, observations, actions)
    smoothed = rts_smoother(system, filtered)
    for b in range(4):
        mean, covariance = joint(system, actions[b])
        flat = observations[b].flatten()
        everything = list(range(L * Z, L * (Z + O)))
        marginal = MultivariateNormal(mean[everything], covariance[everything][:, everything])
        torch.testing.assert_close(filtered.log_likelihood[b], marginal.log_prob(flat))
        for t in range(L):
            z = slice(t * Z, t * Z + Z)
            for last, means, covariances in (
                (t + 1, filtered.mean, filtered.covariance),
                (t, filtered.predicted_mean, filtered.predicted_covariance),
                (L, smoothed.mean, smoothed.covariance),
            ):
                m, P = conditioned(mean, covariance, everything[: last * O], flat[: last * O])
                torch.testing.assert_close(means[b, t], m[z])
                torch.testing.assert_close(covariances[t], P[z, z])


def test_the_first_action_and_the_order_of_the_batch_do_not_matter() -> None:
    system = some_system(2, 1, 1, seed=1)
    actions = torch.randn(3, 6, 1, dtype=torch.float64)
    observations = simulate(system, actions).observations
    found = kalman_filter(system, observations, actions)
    other = actions.clone()
    other[:, 0] = torch.nan
    again = kalman_filter(system, observations.flip(0), other.flip(0))
    torch.testing.assert_close(again.log_likelihood.flip(0), found.log_likelihood)
    torch.testing.assert_close(again.mean.flip(0), found.mean)


def test_simulated_sequences_have_the_moments_of_the_system() -> None:
    system = some_system(2, 1, 1, seed=2)
    actions = torch.randn(1, 4, 1, dtype=torch.float64).expand(100_000, -1, -1)
    drawn = simulate(system, actions, torch.Generator().manual_seed(0))
    mean, covariance = joint(system, actions[0])
    together = torch.cat([drawn.states.flatten(1), drawn.observations.flatten(1)], 1)
    deviation = covariance.diagonal().sqrt()
    torch.testing.assert_close((together.mean(0) - mean) / deviation, torch.zeros_like(mean), atol=0.02, rtol=0)
    scale = torch.outer(deviation, deviation)
    torch.testing.assert_close(together.T.cov() / scale, covariance / scale, atol=0.02, rtol=0)


def test_the_stationary_covariance_stays() -> None:
    system = some_system(3, 1, 1, seed=3)
    A, Q = 0.9 * system.transition / system.transition.norm(), system.process
    P = stationary_covariance(A, Q)
    torch.testing.assert_close(A @ P @ A.T + Q, P)
    assert torch.linalg.eigvalsh(P).min() > 0


def test_the_density_is_that_of_torch() -> None:
    factor = torch.linalg.cholesky(some_system(3, 1, 3, seed=4).noise)
    x, mean = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    expected = -MultivariateNormal(mean, scale_tril=factor).log_prob(x)
    torch.testing.assert_close(multivariate_gaussian_nll(x, mean, factor), expected)
