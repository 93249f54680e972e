"""Work that must not hold up a run: done in order, in a thread of its own.

`wandb.log` hands each row to a process of W&B's, and waits as long as that one does not read: for ever, where a disk
hangs.
"""

import queue
import threading
import time
from collections.abc import Callable


class Aside:
    """Whoever gives it something to do never waits.

    Args:
        limit: of what may wait to be done; what comes then is left out.
    """

    def __init__(self, limit: int = 1000) -> None:
        self._waiting: queue.Queue[Callable[[], object] | None] = queue.Queue(limit)
        self._thread = threading.Thread(target=self._work, daemon=True, name="aside")
        self._thread.start()

    def do(self, work: Callable[[], object]) -> bool:
        """Does it soon. False where too much is waiting, so that it will not be done. `work` must not raise."""
        try:
            self._waiting.put_nowait(work)
        except queue.Full:
            return False
        return True

    def end(self, last: Callable[[], object], patience: float) -> bool:
        """Does this after all else and waits for it, for so many seconds; False where it was not done by then."""
        until = time.monotonic() + patience
        try:
            for work in (last, None):
                self._waiting.put(work, timeout=max(0.0, until - time.monotonic()))
        except queue.Full:
            return False
        self._thread.join(max(0.0, until - time.monotonic()))
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (work := self._waiting.get()) is not None:
            work()
