"""Episodes laid one after the other: the line that sequences are cut from.

    line     e_1: f_0 f_1 ... f_T | e_2: f_0 f_1 ... | ...     in the order of the episodes' numbers, closed to a ring
    window   frames t, t + 1, ..., t + L - 1 of the line       t uniform, so every frame is drawn alike

A window may run from the end of one episode into the beginning of the next, which `is_init` marks.
"""

from typing import NamedTuple

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import (
    ARRIVAL_REWARD,
    ARRIVAL_TERMINATED,
    IS_INIT,
    OBSERVATION,
    PREVIOUS_ACTION,
    TRAJECTORY,
)
from .observation_kinds import each


class Line(NamedTuple):
    """N frames.

    Attributes:
        at: `[N]`, where they lie among the rows of a buffer.
        begins: `[N]`, bool: nothing is kept of the same episode before it.
    """

    at: Tensor
    begins: Tensor

    def where(self, chosen: Tensor) -> "Line":
        """Those frames, of whole episodes, that are chosen, `[N]` bool."""
        return Line(self.at[chosen], self.begins[chosen])

    def sequences(self, rows: TensorDictBase, starts: Tensor, length: int) -> TensorDict:
        """The windows that start at places `[*B]` of the line: a sequence batch `[*B]`, see `keys.SEQUENCE`."""
        place = (starts[..., None] + torch.arange(length)) % len(self.at)  # [*B, L]
        begins = self.begins[place][..., None]  # [*B, L, 1]
        flat = self.at[place].reshape(-1)

        def taken(column: Tensor) -> Tensor:
            return column.index_select(0, flat).unflatten(0, place.shape)

        entries = {
            OBSERVATION: each(taken, rows[OBSERVATION]),
            PREVIOUS_ACTION: taken(rows[PREVIOUS_ACTION]).masked_fill_(begins, 0.0),
            ARRIVAL_REWARD: taken(rows[ARRIVAL_REWARD]).masked_fill_(begins, 0.0),
            ARRIVAL_TERMINATED: taken(rows[ARRIVAL_TERMINATED]),
            IS_INIT: begins,
        }
        return TensorDict(entries, starts.shape)

    def episodes(self) -> list[Tensor]:
        """Where the frames of each episode lie, `[T + 1]`, in the order of time."""
        return list(self.at.tensor_split(self.begins.nonzero()[1:, 0])) if len(self.at) else []


def laid_out(rows: TensorDictBase, in_time: Tensor) -> Line:
    """The line of the frames that lie at places `[N]` in the order of time."""
    at = in_time[rows[TRAJECTORY][:, 0][in_time].argsort(stable=True)]
    number = rows[TRAJECTORY][:, 0][at]
    begins = rows[IS_INIT][:, 0][at]
    begins[1:] |= number[1:] != number[:-1]
    begins[:1] = True
    return Line(at, begins)
