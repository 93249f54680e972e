"""The Rauch-Tung-Striebel smoother: the exact p(z_t | o_1:T, a_1:T-1) of a linear-Gaussian system.

    G_t = P_t A' (P-_{t+1})^-1
    m^s_t = m_t + G_t (m^s_{t+1} - m-_{t+1})        P^s_t = P_t + G_t (P^s_{t+1} - P-_{t+1}) G_t'

with the filter's m, P and its predictions m-, P-. Rauch, Tung and Striebel 1965; Sarkka 2013, theorem 8.2.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from .kalman_filter import KalmanFiltered
from .linear_gaussian import LinearGaussianSystem


class Smoothed(NamedTuple):
    """What all observations say: the mean `[*B, L, Z]` and covariance `[L, Z, Z]` of each frame's state."""

    mean: Tensor
    covariance: Tensor


def rts_smoother(system: LinearGaussianSystem, filtered: KalmanFiltered) -> Smoothed:
    """Goes back from the last frame of what the Kalman filter found."""
    A = system.transition
    mean, P = filtered.mean[..., -1, :], filtered.covariance[-1]
    means, covariances = [mean], [P]
    for t in range(filtered.mean.shape[-2] - 2, -1, -1):
        P_t, ahead = filtered.covariance[t], filtered.predicted_covariance[t + 1]
        G = torch.linalg.solve(ahead, A @ P_t).T  # [Z, Z]
        mean = filtered.mean[..., t, :] + (mean - filtered.predicted_mean[..., t + 1, :]) @ G.T
        P = P_t + G @ (P - ahead) @ G.T
        means.append(mean)
        covariances.append(P)
    return Smoothed(torch.stack(means[::-1], -2), torch.stack(covariances[::-1]))
