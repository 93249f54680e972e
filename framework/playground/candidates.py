"""The plans that were weighed, as lines: those of the search's last question, or the particles' own ways."""

from typing import Any

import torch
from torch import Tensor

from ..planners.planner import finite

MOST = 80  # lines
LEVELS = 6  # shades, from the worst to the best


def lines(actions: Tensor, returns: Tensor, entry: int, discrete: bool) -> dict[str, Any]:
    """Of N plans `[N, H, A]` one entry of the action over time, the worst first so that the best is drawn on top.

    Where there are more than can be drawn, the best, the worst and others in between, evenly by rank. A discrete
    action is its number.
    """
    order = finite(returns).argsort(descending=False)
    picked = order[torch.linspace(0, len(order) - 1, min(MOST, len(order)), device=order.device).round().long()]
    shown = actions[picked]  # [n, H, A]
    values = shown.argmax(-1).float() if discrete else shown[..., entry].float()
    known = returns[returns.isfinite()]
    return {
        "count": len(actions),
        "values": values.tolist(),
        "levels": levels(returns[picked], known),
        "best": known.max().item() if len(known) else None,
        "worst": known.min().item() if len(known) else None,
    }


def levels(returns: Tensor, known: Tensor) -> list[int]:
    """The shade of each return `[n]`: evenly from the lowest to the highest of the finite ones, else the lowest."""
    if not len(known):
        return [0] * len(returns)
    low, high = known.min(), known.max()
    share = (finite(returns).clamp(low, high) - low) / (high - low).clamp_min(1e-12)
    return (share * LEVELS).long().clamp_max(LEVELS - 1).tolist()
