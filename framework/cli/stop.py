"""Signals: Ctrl-C and SIGTERM end a run in order, with a checkpoint, and the command says how to go on.

The first one asks the run to stop (`runs/stopping.py`), a second one, or one while nothing is fitted yet, leaves at
once. Lightning answers Ctrl-C inside a fit by leaving with code 1; what came is therefore noted here when it comes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from ..runs import stopping


@dataclass
class Stop:
    """`code` is 0 until a signal comes, then the exit code: 130 for Ctrl-C, 143 for SIGTERM.

    `fitting`: whether there is something worth a checkpoint.
    """

    code: int = 0
    fitting: bool = False


@contextmanager
def signals() -> Iterator[Stop]:
    """Notes signals while a run lasts. One that leaves at once unwinds the run, so that its files are closed."""
    stop = Stop()
    stopping.forget()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.code = 130
        if stopping.asked() or not stop.fitting:
            raise KeyboardInterrupt
        stopping.ask()

    def terminate(number: int, frame: FrameType | None) -> None:
        stop.code = 143
        if stopping.asked() or not stop.fitting:
            raise SystemExit(143)
        stopping.ask()

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    stopping.handle({signal.SIGINT: interrupt, signal.SIGTERM: terminate})
    try:
        yield stop
    finally:
        stopping.handle({})
        for number, handler in before.items():
            signal.signal(number, handler)
        stopping.forget()
