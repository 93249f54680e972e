"""Says when a process of the run has died.

What follows is Lightning's: it kills the remaining ranks within five seconds, this process among them, unless a
collective operation has failed before. Neither tells the user what happened.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pytorch_lightning import Trainer

from . import stopping

log = logging.getLogger(__name__)
INTERVAL = 0.3  # seconds


@contextmanager
def lost_ranks_named(trainer: Trainer) -> Iterator[None]:
    """Watches over the ranks that this process starts, while a fit lasts."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(INTERVAL):
            processes = getattr(trainer.strategy.launcher, "procs", ())
            for rank, process in enumerate(processes, start=1):
                if code := process.poll():
                    if not stopping.asked():
                        cause = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
                        log.error("rank %d (process %d) %s; the run cannot go on without it", rank, process.pid, cause)
                    return

    threading.Thread(target=watch, daemon=True, name="lost-ranks").start()
    try:
        yield
    finally:
        over.set()
