"""Sample efficiency: how soon a run reaches a return, and how much it had on the way.

    steps to reach z      the first evaluation with a return of at least z; infinite where there is none
    area under the curve  1/(b - a) integral_a^b return(n) dn, by trapezoids: the mean height of the learning curve

The same holds with seconds in the place of steps. Learning curves of several runs are put on common steps by linear
interpolation, and only where all of them were measured.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Curve = tuple[Sequence[float], Sequence[float]]  # where it was measured, rising, and the return there


def first_at(curve: Curve, level: float) -> float:
    """Where a curve first has this return; `inf` where it never does."""
    return next((float(x) for x, y in zip(*curve, strict=True) if y >= level), math.inf)


def median_first_at(curves: Sequence[Curve], level: float) -> float:
    """The median over runs; those that never get there come last, so `inf` unless more than half of them do."""
    found = sorted(first_at(curve, level) for curve in curves)
    middle = found[(len(found) - 1) // 2 : len(found) // 2 + 1]
    return sum(middle) / len(middle)


def area(curve: Curve, low: float, high: float) -> float:
    """Mean height between two places; the curve's own where they are one."""
    x, y = (np.asarray(values, dtype=float) for values in curve)
    if high <= low:
        return float(np.interp(low, x, y))
    inside = np.concatenate([[low], x[(x > low) & (x < high)], [high]])
    heights = np.interp(inside, x, y)
    return float(np.trapezoid(heights, inside) / (high - low))


def overlap(curves: Sequence[Curve]) -> tuple[float, float] | None:
    """From where to where all curves were measured; None where nowhere."""
    low, high = max(curve[0][0] for curve in curves), min(curve[0][-1] for curve in curves)
    return (low, high) if low <= high else None


def together(curves: Sequence[Curve]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Common places `[X]` and the runs' returns there `[R, X]`; None where the runs share none."""
    ends = overlap(curves)
    if ends is None:
        return None
    x = np.unique([at for curve in curves for at in curve[0] if ends[0] <= at <= ends[1]])
    return x, np.stack([np.interp(x, *curve) for curve in curves])
