"""Being asked to stop, by a signal that may come at any time.

The run goes on to the next place where a checkpoint is exact, the end of an epoch. What leaves no trace is given up on
the way there: an evaluation, a video, and a collection, which the resumed run makes again as it would have been. Of
several processes one may be asked alone; they agree at those places, see `Experience.any_asked`.
"""

import signal
from collections.abc import Callable, Mapping
from types import FrameType

Handler = Callable[[int, FrameType | None], None]

_asked = 0  # the number of the signal
_handlers: Mapping[signal.Signals, Handler] = {}


class Stopped(Exception):
    """Work that was given up because the run shall stop."""


def ask(number: int = signal.SIGTERM) -> None:
    """The run shall stop, as the signal of this number says. The first one counts."""
    global _asked
    _asked = _asked or number


def forget() -> None:
    """The next run is a new one."""
    global _asked
    _asked = 0


def asked() -> int:
    """The number of the signal by which the run shall stop; 0 as long as it shall not."""
    return _asked


def handle(handlers: Mapping[signal.Signals, Handler]) -> None:
    """From now on these answer signals."""
    global _handlers
    _handlers = handlers
    handle_again()


def handle_again() -> None:
    """Puts the handlers back where a library has put its own: Lightning's would end the run without a checkpoint."""
    for number, handler in _handlers.items():
        signal.signal(number, handler)


def give_up_if_asked() -> None:
    """Raises `Stopped` if the run shall stop; for places where nothing is lost by it."""
    if _asked:
        raise Stopped
