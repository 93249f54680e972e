"""The plans that were weighed, as lines: those of the search's last question, or the particles' own ways."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..planners.planner import finite

MOST = 80  # lines
SHARES = (0.25, 0.5, 0.7, 0.85, 0.95)  # of plans that are no better, between one shade and the next


class Weighed(NamedTuple):
    """Of `asked` plans those that are drawn: `actions` `[n, H, A]` and `returns` `[n]`, the worst first."""

    actions: Tensor
    returns: Tensor
    asked: int


def weighed(actions: Tensor, returns: Tensor) -> Weighed:
    """Of N plans `[N, H, A]` as many as can be drawn: the best, the worst and others in between, evenly by rank."""
    order = finite(returns).argsort(descending=False)
    picked = order[torch.linspace(0, len(order) - 1, min(MOST, len(order)), device=order.device).round().long()]
    return Weighed(actions[picked], returns[picked], len(actions))


def lines(plans: Weighed, entry: int, discrete: bool) -> dict[str, Any]:
    """One entry of the action over time; a discrete action is its number. The last line is the best one."""
    actions, returns, asked = plans
    values = actions.argmax(-1).float() if discrete else actions[..., entry].float()
    known = returns[returns.isfinite()]
    return {
        "count": asked,
        "values": values.tolist(),
        "levels": levels(returns, known),
        "best": known.max().item() if len(known) else None,
        "worst": known.min().item() if len(known) else None,
    }


def levels(returns: Tensor, known: Tensor) -> list[int]:
    """The shade of each return `[n]`, by the share of the finite ones that it reaches: the darkest for the best few.

    By rank, since one plan that falls off a cliff would make all others look alike.
    """
    if not len(known):
        return [0] * len(returns)
    share = (returns[:, None] >= known).double().mean(1)
    return torch.bucketize(share, torch.tensor(SHARES, dtype=torch.float64, device=share.device)).tolist()
