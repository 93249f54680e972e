"""Signals: each ends a run in order, with a checkpoint, and the command says how to go on. It exits with 128 + number.

    Ctrl-C, SIGTERM      the run shall stop; a second one, or one while nothing is fitted yet, leaves at once
    SIGUSR1, SIGUSR2     the same, and SLURM shall start the job again: it sends one of them before a job's time is up

A SIGTERM after a SIGUSR1 is no second request, but SLURM's word that the end is near: the checkpoint still comes.
Lightning answers Ctrl-C inside a fit by leaving with code 1; what came is therefore noted here when it comes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from ..runs import stopping

LEAVE = (signal.SIGINT, signal.SIGTERM)
COME_BACK = (signal.SIGUSR1, signal.SIGUSR2)


@dataclass
class Stop:
    """What came so far.

    Attributes:
        code: 0 until a signal comes, then the exit code that belongs to the first one.
        fitting: whether there is something worth a checkpoint.
        coming_back: whether SLURM shall start the job again.
    """

    code: int = 0
    fitting: bool = False
    coming_back: bool = False

    def note(self, number: int) -> None:
        """A signal came, here or to another process of the run."""
        self.coming_back = self.coming_back or number in COME_BACK
        self.code = self.code or 128 + number


@contextmanager
def signals() -> Iterator[Stop]:
    """Notes signals while a run lasts. One that leaves at once unwinds the run, so that its files are closed."""
    stop = Stop()
    stopping.forget()
    told_to_leave = False

    def came(number: int, frame: FrameType | None) -> None:
        nonlocal told_to_leave
        again = told_to_leave and number in LEAVE
        told_to_leave = told_to_leave or number in LEAVE
        stop.note(number)
        if again or not stop.fitting:
            raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(stop.code)
        stopping.ask(number)

    before = {number: signal.getsignal(number) for number in (*LEAVE, *COME_BACK)}
    stopping.handle(dict.fromkeys(before, came))
    try:
        yield stop
    finally:
        stopping.handle({})
        for number, handler in before.items():
            signal.signal(number, handler)
        stopping.forget()
