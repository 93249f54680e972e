"""Signals: each ends a run in order, with a checkpoint, and the command says how to go on. It exits with 128 + number.

    Ctrl-C, SIGTERM      the run shall stop; one while nothing is fitted yet unwinds it; a second one leaves at once
    SIGUSR1, SIGUSR2     the same, and SLURM shall start the job again: it sends one of them before a job's time is up

A SIGTERM after a SIGUSR1 is no second request, but SLURM's word that the end is near: the checkpoint still comes.
Lightning answers Ctrl-C inside a fit by leaving with code 1; what came is therefore noted here when it comes.

Leaving at once is leaving without Python's way out, which takes seconds: checkpoints are whole at any moment, the
system takes back locks and files without names, and children end with their parent (`runs/lifeline.py`).
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from ..runs import lifeline, stopping

LEAVE = (signal.SIGINT, signal.SIGTERM)
COME_BACK = (signal.SIGUSR1, signal.SIGUSR2)
STDERR = 2
SHOW_CURSOR = b"\033[?25h"  # which a progress line hides


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
def signals(last_words: Callable[[Stop], None]) -> Iterator[Stop]:
    """Notes signals while a run lasts.

    Args:
        last_words: called before the process leaves at once.
    """
    stop = Stop()
    stopping.forget()
    told_to_leave = False

    def came(number: int, frame: FrameType | None) -> None:
        nonlocal told_to_leave
        again = told_to_leave and number in LEAVE
        told_to_leave = told_to_leave or number in LEAVE
        stop.note(number)
        if again:
            try:
                lifeline.kill_children()
                if os.isatty(STDERR):
                    os.write(STDERR, SHOW_CURSOR)
                last_words(stop)
            finally:
                os._exit(stop.code)
        if not stop.fitting:
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
