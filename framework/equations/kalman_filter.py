"""The Kalman filter: the exact p(z_t | o_1:t, a_1:t-1) of a linear-Gaussian system, and its likelihood.

    predict    m- = A m + B a               P- = A P A' + Q
    update     S = C P- C' + R              K = P- C' S^-1
               m = m- + K (o - C m-)        P = (I - K C) P- (I - K C)' + K R K'        log p = sum log N(o; C m-, S)

Kalman 1960; Sarkka 2013, theorem 4.2, with Joseph's form of the last covariance, which stays symmetric and positive.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .linear_gaussian import LinearGaussianSystem
from .multivariate_gaussian import multivariate_gaussian_nll


class KalmanFiltered(NamedTuple):
    """What the observations so far say.

    Attributes:
        mean: m, `[*B, L, Z]`.
        covariance: P, `[L, Z, Z]`; it does not depend on the observations.
        predicted_mean: m-, `[*B, L, Z]`, before the frame's own observation.
        predicted_covariance: P-, `[L, Z, Z]`.
        log_likelihood: log p(o_1:L | a_1:L-1), `[*B]`, in nats.
    """

    mean: Tensor
    covariance: Tensor
    predicted_mean: Tensor
    predicted_covariance: Tensor
    log_likelihood: Tensor


def kalman_filter(system: LinearGaussianSystem, observations: Tensor, actions: Tensor) -> KalmanFiltered:
    """Filters episodes of observations `[*B, L, O]` with the actions `[*B, L, A]` that led to them."""
    A, B, Q, m, P, C, R = system
    eye = torch.eye(len(A), dtype=A.dtype, device=A.device)
    m = m.expand(*observations.shape[:-2], -1)  # [*B, Z]
    log_likelihood = observations.new_zeros(observations.shape[:-2])
    found = []
    for t, (o, a) in enumerate(zip(observations.unbind(-2), actions.unbind(-2), strict=True)):
        if t:
            m, P = m @ A.T + a @ B.T, A @ P @ A.T + Q
        before = m, P
        S = C @ P @ C.T + R  # [O, O]
        K = torch.linalg.solve(S, C @ P).T  # [Z, O]
        surprise = o - m @ C.T  # [*B, O]
        nll = multivariate_gaussian_nll(surprise, torch.zeros_like(surprise), torch.linalg.cholesky(S))
        log_likelihood = log_likelihood - nll
        rest = eye - K @ C
        m, P = m + surprise @ K.T, rest @ P @ rest.T + K @ R @ K.T
        found.append((m, P, *before))
    means, covariances, predicted, spreads = zip(*found, strict=True)
    return KalmanFiltered(
        torch.stack(means, -2),
        torch.stack(covariances),
        torch.stack(predicted, -2),
        torch.stack(spreads),
        log_likelihood,
    )
