"""How many of the returns that planners asked for were not finite: a model that explodes where plans lead."""

import torch
from torch import Tensor

from .planner import BoundObjective


class NonfiniteShare:
    """Counts on the objective's device; the host waits only when it asks."""

    def __init__(self) -> None:
        self._bad: Tensor | None = None
        self._returns = 0

    def watching(self, objective: BoundObjective) -> BoundObjective:
        """The same objective, counted."""

        def watched(actions: Tensor) -> Tensor:
            returns = objective(actions)  # [B, N]
            bad = torch.count_nonzero(~returns.detach().isfinite())
            self._bad = bad if self._bad is None else self._bad + bad
            self._returns += returns.numel()
            return returns

        return watched

    def taken(self) -> float | None:
        """The share since the last call, or None where no plan was made since."""
        bad, returns = self._bad, self._returns
        self._bad, self._returns = None, 0
        return None if bad is None else bad.item() / returns
