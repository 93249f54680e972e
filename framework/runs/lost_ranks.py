"""Says when a process of the run has died.

What follows is one of two things: a collective operation with the lost rank fails, or Lightning kills the remaining
ranks within five seconds, this process among them. Neither tells the user what happened.
"""

import logging
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pytorch_lightning import Trainer

from . import stopping

log = logging.getLogger(__name__)
INTERVAL = 0.3  # seconds
PATIENCE = 1.0  # seconds after an operation has failed, in which a killed rank is seen to have ended


class RankLost(Exception):
    """A process of the run was killed, and has been named; what an operation with it said adds nothing."""


@contextmanager
def lost_ranks_named(trainer: Trainer) -> Iterator[None]:
    """Watches over the ranks that this process starts, while a fit lasts.

    Raises:
        RankLost: where an operation failed for a killed rank.
    """
    over = threading.Event()
    named: list[str] = []

    def started() -> Sequence[subprocess.Popen[bytes]]:
        return getattr(trainer.strategy.launcher, "procs", ())

    def lost(killed: bool) -> bool:
        for rank, process in enumerate(started(), start=1):
            code = process.poll()
            if code and (code < 0 or not killed) and not stopping.asked():
                if not named:
                    cause = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
                    named.append(f"rank {rank} (process {process.pid}) {cause}; the run cannot go on without it")
                    log.error(named[0])
                return True
        return False

    def watch() -> None:
        while not over.wait(INTERVAL) and not lost(killed=False):
            pass

    watcher = threading.Thread(target=watch, daemon=True, name="lost-ranks")
    watcher.start()
    try:
        yield
    except RuntimeError as error:
        over.set()
        watcher.join()
        until = time.monotonic() + PATIENCE
        while started() and time.monotonic() < until:
            if lost(killed=True):
                raise RankLost(named[0]) from error
            time.sleep(INTERVAL / 10)
        raise
    finally:
        over.set()
