"""Probability of improvement: how likely one method's run beats another's, whatever by how much.

    P(X > Y) = 1/T sum_t 1/(N M) sum_i sum_j S(x_it, y_jt)        S = 1 if x > y, 1/2 if x = y, else 0

the Mann-Whitney statistic of each task, averaged. Agarwal et al. 2021, section 4.3. One half: neither is better.
"""

import numpy as np
from numpy.typing import NDArray


def probability_of_improvement(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """`[*B]` from the scores `[*B, N, T]` of one method and `[*B, M, T]` of the other."""
    one, other = x[..., :, None, :], y[..., None, :, :]  # [*B, N, 1, T], [*B, 1, M, T]
    wins = (one > other) + 0.5 * (one == other)  # [*B, N, M, T]
    return wins.mean((-3, -2, -1))
