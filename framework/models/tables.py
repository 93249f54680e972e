"""Tables that Python reads and writes entry by entry, a thousand times between two steps of an environment."""

from collections.abc import Callable
from typing import Any, Self

from torch import Tensor, nn

Transition = tuple[int, int, float, int, bool]  # s, a, r, s', whether s' is terminal


class Tables(nn.Module):
    """Its buffers stay in main memory, as they are, wherever the agent goes: one entry is a trip to a GPU each."""

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        return self


def entries(table: Tensor) -> "memoryview[Any]":
    """A table's entries in one row, as Python numbers; what is written into it is written into the table."""
    return memoryview(table.view(-1).numpy())  # type: ignore[arg-type]
