"""Finds the updates whose gradient is not finite, and skips them, without waiting for the device.

    f_i = 1 where an entry of the gradient of update i is not finite, or where f_{i-1} = ... = f_{i-1-L} = 1, else 0

An update with f_i = 1 is not made. After L + 1 of them in a row none is made any more, so the weights stay what they
were before the first. The host reads all f_i of a call at once, at its end. The check is that of mixed precision
(`torch.amp.GradScaler`): one kernel over all gradients, whose flag fused optimisers obey by themselves.
"""

import torch
from torch import Tensor


class Guard:
    """Judges the updates of one model, call by call.

    Gradients that several processes have averaged are the same on all of them, and so are the verdicts.

    Args:
        limit: L, how many updates in a row may be skipped.

    Raises:
        ValueError: for a negative number.
    """

    def __init__(self, limit: int) -> None:
        if limit < 0:
            raise ValueError(f"max_skipped: need at least 0, got {limit}")
        self.limit = limit
        self.in_a_row = 0  # that the last call ended with
        self._flags = torch.empty(0)

    def start(self, updates: int, device: torch.device) -> None:
        """The next call, of so many updates."""
        before = self.limit + 1
        self._flags = torch.zeros(before + updates, device=device)
        if self.in_a_row:
            self._flags[before - self.in_a_row : before] = 1.0
        windows = self._flags.unfold(0, before, 1).unbind(0)  # [L + 1] flags before each update
        self._open = list(zip(windows[:updates], self._flags[before:].unbind(0), strict=True))[::-1]
        self._one = torch.ones((), device=device)

    def judge(self, gradients: list[Tensor]) -> Tensor:
        """The flag `[]` of the next update: 1 where it must not be made."""
        window, flag = self._open.pop()
        torch.prod(window, 0, out=flag)
        if gradients:
            torch._amp_foreach_non_finite_check_and_unscale_(gradients, flag, self._one)
        return flag

    def finish(self) -> list[bool]:
        """Which updates of the call were skipped."""
        flags = [flag > 0 for flag in self._flags.tolist()]
        self.in_a_row = flags[::-1].index(False) if False in flags else len(flags)
        return flags[self.limit + 1 :]
