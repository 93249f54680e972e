"""A loader of so many calls of the same minibatches: what an update costs when its data lie ready."""

from collections.abc import Iterator

from tensordict import TensorDict

from fulgurite.models.base import Minibatches


class Calls:
    """Hands out a copy of the minibatches `[K, B]` at every call."""

    def __init__(self, calls: int, rows: TensorDict) -> None:
        self.calls, self.rows = calls, rows

    def __len__(self) -> int:
        return self.calls

    def __iter__(self) -> Iterator[Minibatches]:
        for _ in range(self.calls):
            yield Minibatches(self.rows.clone())
