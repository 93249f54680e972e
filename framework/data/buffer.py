"""The replay buffer as a data set: which rows are trained on, which are held out, and each member's bootstrap.

A bootstrap resample of n rows contains row i Binomial(n, 1/n) times, for large n Poisson(1): drawn once when the row
comes in, so a member's data set grows without being redrawn (online bagging, Oza and Russell 2001).
"""

from collections.abc import Collection
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor
from torchrl.data import LazyTensorStorage, TensorDictReplayBuffer

from ..keys import BOOTSTRAP, DONE, HELD_OUT, TRAJECTORY, TRANSITION, TRUNCATED
from . import saved_rows
from .replay import Replay
from .windows import held_out_trajectories


class Dataset(Replay):
    """Transitions of vectors in a TorchRL buffer of fixed capacity, sampled uniformly with replacement.

    Args:
        capacity: rows kept; then the oldest are overwritten.
        members: E, when every ensemble member trains on its own bootstrap resample; None: all see the same batches.
    """

    def __init__(self, capacity: int, members: int | None) -> None:
        self.members = members
        self.buffer = TensorDictReplayBuffer(storage=LazyTensorStorage(capacity), batch_size=1)
        self.written = 0  # rows, of which the newest are kept
        self._changed: list[int] = []  # which of them were changed afterwards
        self._pools: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.buffer)

    def extend(self, transitions: TensorDictBase, held_out: Tensor, generator: torch.Generator) -> None:
        rows = transitions.select(*TRANSITION, TRAJECTORY).set(HELD_OUT, held_out[:, None])
        if self.members is not None:
            counts = torch.poisson(torch.ones(len(rows), self.members), generator=generator)
            rows[BOOTSTRAP] = counts.to(torch.uint8)
        self.buffer.extend(rows)
        self.written += len(rows)
        self.index()

    def cut(self, number: int) -> None:
        if not len(self.buffer):
            return
        rows = self.buffer[:]
        of = (rows[TRAJECTORY][:, 0] == number).nonzero()[:, 0]
        if len(of):
            age = (self.written - 1 - of) % len(rows)
            latest = of[age.argmin()]
            self._changed.append(self.written - 1 - int(age.min()))
            rows[TRUNCATED][latest] |= ~rows[DONE][latest]
            rows[DONE][latest] = True

    def index(self) -> None:
        """Lists the rows that each sample is drawn from."""
        rows = self.buffer[:]
        trained = (~rows[HELD_OUT][:, 0]).nonzero()[:, 0]
        if not len(trained):
            self._pools = []
        elif self.members is None:
            self._pools = [trained]
        else:
            counts = rows[BOOTSTRAP][trained].long()  # [R, E]
            drawn = [trained.repeat_interleave(counts[:, e]) for e in range(self.members)]
            self._pools = [pool if len(pool) else trained for pool in drawn]

    def sample(self, count: int, batch_size: int, generator: torch.Generator) -> TensorDict:
        """`[K, B]`, or `[K, E, B]` with one resample a member, see `Replay.sample`."""
        if not self._pools:
            raise ValueError("need at least one transition to train on, got none: all are held out, or failed")
        draws = [pool[torch.randint(len(pool), (count, 1, batch_size), generator=generator)] for pool in self._pools]
        index = torch.cat(draws, 1)  # [count, E, B]
        index = index.squeeze(1) if self.members is None else index
        return take(self.buffer[:], index)

    def held_out(self, limit: int) -> TensorDictBase:
        rows = self.buffer[:]
        index = rows[HELD_OUT][:, 0].nonzero()[:, 0]
        return take(rows, index[:: -(-len(index) // limit)] if len(index) else index)

    def newest(self, count: int) -> TensorDictBase:
        rows = self.buffer[:]
        count = min(count, len(rows))
        return take(rows, (self.written - count + torch.arange(count)) % len(rows))

    def trajectories(self) -> list[TensorDictBase]:
        return held_out_trajectories(self.buffer[:])

    def state_dict(self, name: str, saved: Collection[str] = ()) -> dict[str, Any]:
        rows = self.buffer[:] if len(self.buffer) else TensorDict(batch_size=[0])
        return saved_rows.save(rows, self.written, self._changed, name, saved)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.written, self._changed = int(state["written"]), list(state["changed"])
        self.buffer.writer._cursor = (self.written - int(state["kept"])) % self.buffer.storage.max_size
        for rows in saved_rows.load(state):
            self.buffer.extend(rows)
        if self.written:
            self.index()


def take(rows: TensorDictBase, index: Tensor) -> TensorDict:
    """Rows `[*B]` at an index `[*B]`, without what only the buffer needs."""
    flat, shape = index.reshape(-1), index.shape

    def gathered(rows: TensorDictBase, keys: tuple[str, ...]) -> dict[str, Tensor]:
        return {
            key: rows[key].index_select(0, flat).unflatten(0, shape) for key in keys
        }  # twice as fast as rows[index]

    following = gathered(rows["next"], ("observation", "reward", "terminated", "truncated", "done"))
    return TensorDict({**gathered(rows, ("observation", "action", TRAJECTORY)), "next": following}, shape)
