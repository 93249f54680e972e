"""A TorchRL loss that is lent an agent's networks, and is no part of the agent.

Were it a child module, its parameters, its target networks and its lazily made buffers would stand in checkpoints a
second time, and a checkpoint would depend on what had been called before (gamma is a buffer from the first loss on).
So it is made when it is first asked for, when networks have their device, and copies of the agent come without it.
"""

from collections.abc import Callable
from typing import Any, Generic, Self, TypeVar

Owner = TypeVar("Owner")
Made = TypeVar("Made")


class Lent(Generic[Owner, Made]):
    """`lent(agent)` is what `make(agent)` gave the first time.

    Args:
        make: a function of a module, so that it can be sent to a worker.
    """

    def __init__(self, make: Callable[[Owner], Made]) -> None:
        self.make = make
        self._made: Made | None = None

    def __call__(self, owner: Owner) -> Made:
        if self._made is None:
            self._made = self.make(owner)
        return self._made

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return type(self)(self.make)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.make,)
