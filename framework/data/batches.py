"""What experience hands out while it is learned from: one epoch of updates, and what is kept for validation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tensordict import TensorDict, TensorDictBase

from ..models.base import Minibatches
from ..runs.stopping import asked

if TYPE_CHECKING:
    from .experience import Experience


class Updates:
    """One epoch of training: `updates_per_call` minibatches a call. It has a length, so nothing is prefetched.

    Where no updates are due, as with an agent that learns as it acts, all calls are handed out empty.

    Where the run shall stop, it ends early. The resumed run's first epoch is the rest of it: calls that were made
    before the stop are handed out empty, so that the epoch keeps its length, and is validated, as ever.
    """

    def __init__(self, experience: Experience) -> None:
        self.experience = experience

    def __len__(self) -> int:
        return self.experience.calls_per_epoch

    def __iter__(self) -> Iterator[Minibatches]:
        it = self.experience
        it.epoch_pending = False
        made = it.calls_made if it.calls_made or it.schedule.due(it.updates_per_epoch) else len(self)
        for _ in range(made):
            yield Minibatches(TensorDict(batch_size=[0]))
        for _ in range(made, len(self)):
            if it.any_asked(asked()):
                return
            yield Minibatches(it.dataset.sample(it.updates_per_call, it.batch_size, it.generator))


class HeldOut:
    """One batch of held-out transitions or sequences, empty as long as no trajectory was held out."""

    def __init__(self, experience: Experience) -> None:
        self.experience = experience

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[TensorDictBase]:
        yield self.experience.dataset.held_out(self.experience.validation_size)
