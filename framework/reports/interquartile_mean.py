"""Interquartile mean: the mean of the middle half of all scores.

    IQM = mean of x_(floor(n/4) + 1), ..., x_(n - floor(n/4))        x sorted, over all runs and tasks together

Outliers on either side do not move it, and it wastes less than the median, which looks at one score in the middle.
Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice", section 4.3. Of fewer than
four scores nothing is cut: it is their mean.
"""

import numpy as np
from numpy.typing import NDArray


def interquartile_mean(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """`[*B]` from scores `[*B, R, T]` of R runs on T tasks."""
    every = np.sort(scores.reshape(*scores.shape[:-2], -1), -1)  # [*B, R * T]
    cut = every.shape[-1] // 4
    return every[..., cut : every.shape[-1] - cut].mean(-1)
