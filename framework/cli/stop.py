"""Signals: Ctrl-C and SIGTERM end a run in order, and the command says how to go on.

Lightning answers Ctrl-C inside a fit by leaving with code 1; what came is therefore noted here when it comes.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType


@dataclass
class Stop:
    """`code` is 0 until a signal comes, then the exit code: 130 for Ctrl-C, 143 for SIGTERM."""

    code: int = 0


@contextmanager
def signals() -> Iterator[Stop]:
    """Notes signals while a run lasts; each unwinds the run, so that its files are closed."""
    stop = Stop()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stop.code = 130
        raise KeyboardInterrupt

    def terminate(number: int, frame: FrameType | None) -> None:
        stop.code = 143
        raise SystemExit(143)

    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, terminate),
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
