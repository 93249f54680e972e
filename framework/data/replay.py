"""What keeps experience and hands it out: the seam between collecting and learning.

`Dataset` keeps transitions of vectors, `FrameDataset` keeps frames: images, nested observations and sequences.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor


class Replay(ABC):
    """The newest experience, up to a capacity, and which of it is held out."""

    @abstractmethod
    def __len__(self) -> int:
        """How many rows, or frames, are kept."""

    @abstractmethod
    def extend(self, transitions: TensorDictBase, held_out: Tensor, generator: torch.Generator) -> None:
        """Takes transitions `[B]` with their `trajectory`; `held_out [B]` says which are for validation.

        Those of one episode come in the order of time, those of several in any order.
        """

    @abstractmethod
    def cut(self, number: int) -> None:
        """The latest transition of a trajectory, where one is kept, was its last: it becomes truncated."""

    @abstractmethod
    def sample(self, count: int, batch_size: int, generator: torch.Generator) -> TensorDict:
        """`count` minibatches, drawn with replacement, by one gather for all of them.

        Raises:
            ValueError: where there is nothing, or too little, to train on.
        """

    @abstractmethod
    def held_out(self, limit: int) -> TensorDictBase:
        """A validation batch of at most `limit` transitions, or frames, evenly thinned; empty where there are none."""

    @abstractmethod
    def newest(self, count: int) -> TensorDictBase:
        """The newest transitions `[B]`, in the order in which they came; at most as many as are kept.

        Images are left out of their observations: a model that sees every transition once does not need them.
        """

    @abstractmethod
    def trajectories(self) -> list[TensorDictBase]:
        """The held-out trajectories, transitions `[T]` each, in the order in which they were recorded."""

    @abstractmethod
    def state_dict(self, name: str, saved: Collection[str] = ()) -> dict[str, Any]:
        """See `saved_rows.save`."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Puts everything where it was, into an empty buffer."""
