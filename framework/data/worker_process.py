"""The parent's side of a simulator's own process: starts it, talks to it within a time limit, and ends it for certain.

A fresh interpreter, not a fork: torch's threads and the GPU do not survive one. Nothing of the script that was started
runs again in it, so that needs no guard, but knows no environment that only this script registers either.
"""

import contextlib
import json
import os
import pickle
import signal
import subprocess
import sys
import weakref
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from ..runs import lifeline
from ..runs.stopping import give_up_if_asked
from .nonsense import SelfExplaining
from .worker import CLOSE

START_LIMIT = 120.0  # seconds to import what an environment needs and to make it
CLOSING_LIMIT = 2.0  # seconds to close it in order
PATIENCE = 0.5  # seconds between two looks whether a silent process lives: its end of the pipe may outlive it
BEGIN = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from {} import main; main(*map(int, sys.argv[2:]))"


class ProcessFailed(SelfExplaining, RuntimeError):
    """The process did not answer."""


class WorkerProcess:
    """A process that runs `worker.main`, in a group of its own: what its simulator starts ends with it.

    To be made in a thread that lasts: Linux ends the process with the thread that made it.

    Args:
        order: what it is sent first.
    """

    def __init__(self, order: Any) -> None:
        self._connection, theirs = Pipe()
        with theirs:
            code = BEGIN.format(f"{__package__}.worker")
            words = [json.dumps(sys.path), str(theirs.fileno()), str(os.getpid())]
            self._process = subprocess.Popen(
                [sys.executable, "-c", code, *words],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        lifeline.groups.add(self._process.pid)
        self._end = weakref.finalize(self, end, self._process, self._connection, os.getpid(), CLOSING_LIMIT)
        self.ask(order)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, message: Any) -> None:
        """Sends a message; where nobody takes it, `answer` says so."""
        self._asked_at, self._answered = monotonic(), False
        with contextlib.suppress(OSError):
            self._connection.send_bytes(pickle.dumps(message))

    def answer(self, limit: float, key: str) -> bytes:
        """The answer to the last message.

        Args:
            limit: seconds since it was asked.
            key: what the limit is called in the error.

        Raises:
            ProcessFailed: when there is none; the process is gone then, in any case.
            Stopped: when the run shall stop meanwhile; the process can only be closed then.
        """
        deadline = self._asked_at + limit
        try:
            while not self._connection.poll(min(max(deadline - monotonic(), 0.0), PATIENCE)):
                late = monotonic() >= deadline
                if (late or ended(self._process.pid)) and not self._connection.poll():
                    code = self.kill()
                    raise ProcessFailed(f"no answer within {limit:g} s ({key})" if late else last_words(code))
                give_up_if_asked()
            self._answered = True
            return self._connection.recv_bytes()
        except (EOFError, OSError):
            raise ProcessFailed(last_words(self.kill())) from None

    def close(self) -> None:
        """Lets the simulator close itself, unless it is in the middle of something, then ends its process."""
        if self._answered:
            self._end()
        else:
            self.kill()

    def kill(self) -> int:
        """Ends it at once and gives its exit code, which is its own where it had ended by itself."""
        if self._end.detach():
            end(self._process, self._connection, os.getpid(), 0.0)
        return self._process.returncode


def end(process: subprocess.Popen, connection: Connection, owner: int, patience: float) -> None:
    """Ends a process and all of its group, and takes its exit code, so that nothing of it is left."""
    if os.getpid() != owner:
        return  # a fork of the owner that ends
    deadline = monotonic() + patience
    with contextlib.suppress(EOFError, OSError):
        connection.send_bytes(pickle.dumps(CLOSE))
        while connection.poll(max(deadline - monotonic(), 0.0)):
            connection.recv_bytes()
    os.killpg(process.pid, signal.SIGKILL)  # of a process whose exit code is not taken yet, so no other has its number
    lifeline.groups.discard(process.pid)
    process.wait()
    connection.close()


def ended(pid: int) -> bool:
    """Whether a child has ended, leaving its exit code to be taken. Elsewhere than on Linux only its pipe tells."""
    if sys.platform != "linux":
        return False
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def last_words(code: int) -> str:
    """How a process ended."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    hint = ", as it is when memory runs out" if code == -signal.SIGKILL else ""
    return f"its process was ended by {signal.Signals(-code).name}{hint}"
