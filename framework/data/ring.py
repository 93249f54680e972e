"""A ring of rows: the newest of what an agent imagined.

It is the agent's and no part of its weights: each process has its own, and a copy of the agent, which is made for
acting, has an empty one.
"""

from typing import Any, Self

import torch
from torch import Tensor


class Ring:
    """Keeps the newest rows `[C, D]`, on the device and in the dtype of what is put in.

    Args:
        capacity: C.

    Raises:
        ValueError: for no room.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 1:
            raise ValueError(f"capacity: need at least 1, got {capacity}")
        self.capacity = capacity
        self.written = 0
        self._rows = torch.empty(0)

    def __len__(self) -> int:
        return min(self.written, self.capacity)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(self.capacity)

    def extend(self, rows: Tensor) -> None:
        """Takes rows `[R, D]`; the oldest make room."""
        if not self._rows.numel():
            self._rows = rows.new_zeros(self.capacity, rows.shape[1])
        self._rows = self._rows.to(rows.device)  # a checkpoint's are read before the agent is on its device
        kept = rows[-self.capacity :]
        start = (self.written + len(rows) - len(kept)) % self.capacity
        fits = min(len(kept), self.capacity - start)
        self._rows[start : start + fits] = kept[:fits]
        self._rows[: len(kept) - fits] = kept[fits:]
        self.written += len(rows)

    def sample(self, *shape: int) -> Tensor:
        """Rows `[*shape, D]`, drawn with replacement from torch's own generator.

        Raises:
            ValueError: from an empty ring.
        """
        if not len(self):
            raise ValueError("need a row to draw from, got an empty ring")
        index = torch.randint(len(self), shape, device=self._rows.device)
        return self._rows.index_select(0, index.flatten()).unflatten(0, shape)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows[: len(self)].clone(), "written": self.written}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Raises `ValueError` unless the rows are as many as a ring of this capacity has kept."""
        rows, written = state["rows"], int(state["written"])
        if len(rows) != min(written, self.capacity):
            raise ValueError(f"capacity: need {min(written, self.capacity)} rows of {written}, got {len(rows)}")
        self.written = written
        self._rows = torch.empty(0)
        if len(rows):
            self._rows = rows.new_zeros(self.capacity, *rows.shape[1:])
            self._rows[: len(rows)] = rows
