"""One thread that does all work, one piece after the other, whoever asks.

A session is no thing for two at once, and what draws (OpenGL's contexts) must stay in the thread that made it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any


class Ended(Exception):
    """There is nobody at the desk any more."""


class Desk:
    """Does what it is asked. The thread ends with the program: a simulator that hangs does not keep it alive."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[Callable[[], Any], Answer] | None] = SimpleQueue()
        self._open, self._lock = True, threading.Lock()
        self._thread = threading.Thread(target=self._work, name="playground", daemon=True)
        self._thread.start()

    def do(self, work: Callable[[], Any]) -> Any:
        """What the work gives, once it is its turn; raises what it raises.

        Raises:
            Ended: after `close`.
        """
        answer = Answer()
        with self._lock:
            if not self._open:
                raise Ended("the playground has ended")
            self._waiting.put((work, answer))
        answer.there.wait()
        if answer.error is not None:
            raise answer.error
        return answer.value

    def close(self, last: Callable[[], Any], seconds: float) -> bool:
        """No more work but this; whether it was done in time."""
        with self._lock:
            self._open = False
            self._waiting.put((last, Answer()))
            self._waiting.put(None)
        self._thread.join(seconds)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while (task := self._waiting.get()) is not None:
            work, answer = task
            try:
                answer.value = work()
            except BaseException as error:  # an environment may call sys.exit: that is the asker's to know
                answer.error = error
            finally:
                answer.there.set()


class Answer:
    """Of one piece of work."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.value: Any = None
        self.error: BaseException | None = None
