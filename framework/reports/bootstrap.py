"""Stratified bootstrap intervals: how far a number could have come out otherwise, had other seeds been drawn.

Runs are resampled with replacement within each task, so that every task keeps its weight. The interval is that of the
resampled numbers' percentiles. Agarwal et al. 2021, section 4.1; Efron 1979. With a handful of runs it is a hint rather
than a guarantee: three seeds have ten different resamples.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
RESAMPLES = 10_000
CONFIDENCE = 0.95
BLOCK = 2_000_000  # numbers at a time, so that memory stays small


def interval(
    statistic: Callable[..., Scores],
    samples: Sequence[Scores],
    *,
    resamples: int = RESAMPLES,
    confidence: float = CONFIDENCE,
    seed: int = 0,
) -> tuple[float, float]:
    """Low and high end of a statistic's interval.

    Args:
        statistic: from `[B, R, T]` of each sample to `[B]`.
        samples: scores `[R, T]` of R runs on T tasks, one array for each method that the statistic compares; they are
            resampled independently.
        resamples: B altogether.
        confidence: the share of resamples within the interval.
        seed: of the resampling, so that a report made twice says the same.

    Raises:
        ValueError: for a sample that is not `[R, T]` with a run and a task.
    """
    for one in samples:
        if one.ndim != 2 or not one.size:
            raise ValueError(f"scores: expected [runs, tasks] with at least one of each, got {list(one.shape)}")
    chance = np.random.default_rng(seed)
    block = max(1, BLOCK // max(one.size for one in samples))
    found = [
        statistic(*(resampled(one, min(block, resamples - done), chance) for one in samples))
        for done in range(0, resamples, block)
    ]
    low, high = np.percentile(np.concatenate(found), [50 * (1 - confidence), 50 * (1 + confidence)])
    return float(low), float(high)


def resampled(scores: Scores, count: int, chance: np.random.Generator) -> Scores:
    """`[count, R, T]`: R runs drawn anew for every task."""
    R, T = scores.shape
    drawn = chance.integers(R, size=(count, R, T))
    return scores[drawn, np.arange(T)]
