"""A linear system with Gaussian noise: the one sequence model whose posteriors and likelihood are known exactly.

    z_1 ~ N(m0, P0)        z_t = A z_{t-1} + B a_{t-1} + w_t,  w_t ~ N(0, Q)        o_t = C z_t + v_t,  v_t ~ N(0, R)

Sarkka 2013, Bayesian Filtering and Smoothing, section 4.3. The action that led to a frame stands in the frame's row, as
in a sequence batch; the one of the first row is not looked at.
"""

from typing import NamedTuple

import torch
from torch import Tensor


class LinearGaussianSystem(NamedTuple):
    """The model's matrices, for Z state variables, A actions and O observed numbers.

    Attributes:
        transition: A, `[Z, Z]`.
        control: B, `[Z, A]`.
        process: Q, the covariance `[Z, Z]`.
        first_mean: m0, `[Z]`.
        first_covariance: P0, `[Z, Z]`.
        emission: C, `[O, Z]`.
        noise: R, the covariance `[O, O]`.
    """

    transition: Tensor
    control: Tensor
    process: Tensor
    first_mean: Tensor
    first_covariance: Tensor
    emission: Tensor
    noise: Tensor


class Simulated(NamedTuple):
    """States `[*B, L, Z]` and observations `[*B, L, O]`."""

    states: Tensor
    observations: Tensor


def simulate(system: LinearGaussianSystem, actions: Tensor, generator: torch.Generator | None = None) -> Simulated:
    """Draws sequences under actions `[*B, L, A]`."""

    def noise(covariance: Tensor) -> Tensor:  # [*B, N]
        shape = (*actions.shape[:-2], len(covariance))
        drawn = torch.randn(shape, generator=generator, dtype=actions.dtype, device=actions.device)
        return drawn @ torch.linalg.cholesky(covariance).T

    z = system.first_mean + noise(system.first_covariance)  # [*B, Z]
    states = [z]
    for action in actions.unbind(-2)[1:]:
        z = z @ system.transition.T + action @ system.control.T + noise(system.process)
        states.append(z)
    clean = [z @ system.emission.T for z in states]
    return Simulated(torch.stack(states, -2), torch.stack([o + noise(system.noise) for o in clean], -2))


def stationary_covariance(transition: Tensor, process: Tensor) -> Tensor:
    """P `[Z, Z]` with P = A P A' + Q: the states' covariance after a long time; exists where A shrinks.

    `process` is Q, and B S_a B' with it where independent actions of covariance S_a act, too. Solved as a linear
    system, vec P = (I - A (x) A)^-1 vec Q.
    """
    Z = len(transition)
    eye = torch.eye(Z * Z, dtype=transition.dtype, device=transition.device)
    solved = torch.linalg.solve(eye - torch.kron(transition, transition), process.reshape(-1))
    found = solved.reshape(Z, Z)
    return (found + found.T) / 2
