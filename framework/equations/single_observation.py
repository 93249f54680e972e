"""What a posterior that sees one observation at a time can reach at best, on a linear-Gaussian system.

    q(z_1:T | o) = prod_t N(z_t; K o_t + k, Sigma)

    ELBO = E[ sum_t log p(o_t | z_t) + log p(z_1) + sum_{t>1} log p(z_t | z_{t-1}, a_{t-1}) ] + T H(Sigma)

is quadratic in (K, k), and Sigma = T (sum_t J_t)^-1 with J_t = C' R^-1 C + (P0^-1 or Q^-1) + A' Q^-1 A, the last but
for t = T: the curvature of the joint log-density in z_t. So the best K, k, Sigma have a closed form, and so has how far
their ELBO falls short of the expected log-likelihood, by KL(q || p(z_1:T | o_1:T, a_1:T-1)). It is the mean-field
optimum (Bishop 2006, section 10.1.2) under the restriction that factor t sees o_t alone. No other function of o_t does
better where the system starts in its stationary distribution and actions are Gaussian, since all expectations given o_t
are affine then.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from .linear_gaussian import LinearGaussianSystem


class SingleObservation(NamedTuple):
    """The best posterior, and what it reaches on average over sequences.

    Attributes:
        gain: K, `[Z, O]`.
        offset: k, `[Z]`.
        covariance: Sigma, `[Z, Z]`.
        elbo: of a sequence, a scalar in nats.
        log_likelihood: E log p(o_1:T | a_1:T-1), a scalar in nats.
    """

    gain: Tensor
    offset: Tensor
    covariance: Tensor
    elbo: Tensor
    log_likelihood: Tensor


def single_observation(system: LinearGaussianSystem, action_covariance: Tensor, frames: int) -> SingleObservation:
    """For sequences of T frames and independent actions of mean zero and the covariance `[A, A]`."""
    A, B, Q, m0, P0, C, R = system
    Z, O, T = len(A), len(R), frames
    Q_inv, R_inv, P0_inv = (matrix.inverse() for matrix in (Q, R, P0))
    curvature = T * C.T @ R_inv @ C + P0_inv + (T - 1) * (Q_inv + A.T @ Q_inv @ A)  # sum_t J_t, [Z, Z]
    covariance = T * curvature.inverse()
    moments = _moments(system, action_covariance, T)
    eye = torch.eye(O + 1, dtype=A.dtype, device=A.device)
    seen = eye[:O]  # [O, O + 1]: o of (o, 1)

    def squares(flat: Tensor) -> Tensor:  # the expected squares of all residuals, for G = (K, k)
        G = flat.reshape(Z, O + 1)
        to_observation = seen - C @ G  # [O, O + 1]
        to_first = G - m0[:, None] * eye[O]
        to_next = torch.cat([G, -A @ G, -B], -1)  # [Z, 2 (O + 1) + A], of (o_t, 1, o_t-1, 1, a_t-1)
        total = (P0_inv @ to_first @ moments[0][: O + 1, : O + 1] @ to_first.T).trace()
        for t, moment in enumerate(moments):
            total = total + (R_inv @ to_observation @ moment[: O + 1, : O + 1] @ to_observation.T).trace()
            if t:
                total = total + (Q_inv @ to_next @ moment @ to_next.T).trace()
        return total

    zero = A.new_zeros(Z * (O + 1))
    gradient = torch.autograd.functional.jacobian(squares, zero)
    hessian = torch.autograd.functional.hessian(squares, zero)
    best = torch.linalg.solve(hessian, -gradient)  # a Newton step finds the least of a quadratic
    constant = T * torch.logdet(R) + torch.logdet(P0) + (T - 1) * torch.logdet(Q) + T * (O + Z) * math.log(2 * math.pi)
    expected = -0.5 * (squares(best) + (curvature @ covariance).trace() + constant)
    entropy = 0.5 * T * (Z * math.log(2 * math.pi * math.e) + torch.logdet(covariance))
    G = best.reshape(Z, O + 1)
    return SingleObservation(G[:, :O], G[:, O], covariance, expected + entropy, _expected_log_likelihood(system, T))


def _moments(system: LinearGaussianSystem, action_covariance: Tensor, frames: int) -> list[Tensor]:
    """The second moment of (o_t, 1, o_t-1, 1, a_t-1) at each frame; at the first, zeros for what is before it."""
    A, B, Q, mean, cov, C, R = system
    O, N = len(R), B.shape[1]
    found = []
    for t in range(frames):
        before, spread = mean, cov
        if t:
            mean, cov = A @ mean, A @ cov @ A.T + B @ action_covariance @ B.T + Q
        now = torch.cat([C @ mean, mean.new_ones(1)])
        last = torch.cat([C @ before, mean.new_ones(1)])
        size = 2 * (O + 1) + N
        moment = mean.new_zeros(size, size)
        here, there, action = slice(0, O), slice(O + 1, 2 * O + 1), slice(2 * (O + 1), size)
        moment[: O + 1, : O + 1] = torch.outer(now, now)
        moment[here, here] += C @ cov @ C.T + R
        if t:
            moment[O + 1 : 2 * (O + 1), O + 1 : 2 * (O + 1)] = torch.outer(last, last)
            moment[there, there] += C @ spread @ C.T + R
            moment[: O + 1, O + 1 : 2 * (O + 1)] = torch.outer(now, last)
            moment[here, there] += C @ A @ spread @ C.T
            moment[here, action] = C @ B @ action_covariance
            moment[O + 1 : 2 * (O + 1), : O + 1] = moment[: O + 1, O + 1 : 2 * (O + 1)].T
            moment[action, here] = moment[here, action].T
            moment[action, action] = action_covariance
        found.append(moment)
    return found


def _expected_log_likelihood(system: LinearGaussianSystem, frames: int) -> Tensor:
    """Minus the entropy of the observations given the actions: the Kalman filter's surprises have covariance S_t."""
    A, _, Q, _, P, C, R = system
    total = A.new_zeros(())
    for t in range(frames):
        if t:
            P = A @ P @ A.T + Q
        S = C @ P @ C.T + R
        total = total - 0.5 * (torch.logdet(S) + len(R) * math.log(2 * math.pi * math.e))
        P = P - P @ C.T @ torch.linalg.solve(S, C @ P)
    return total
