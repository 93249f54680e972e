"""A child process that does not outlive its parent, whatever ends the parent, and may leave signals to it.

What a child itself has started does not end with it, unless the child leads a group, which can be killed as a whole.
"""

import contextlib
import ctypes
import os
import signal
import sys
from multiprocessing import active_children

PR_SET_PDEATHSIG = 1
STOPS = (signal.SIGINT, signal.SIGTERM)
groups: set[int] = set()  # of processes, led by children of this one whose exit code is not taken yet


def end_with(parent: int) -> None:
    """Called in the child: it is killed when the parent's thread that started it ends. Only Linux can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before it could be tied to
        os._exit(1)


def tie_to(parent: int) -> None:
    """Called in the child: it ends with the parent, and ignores Ctrl-C and SIGTERM, about which the parent decides."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    end_with(parent)


def leave_signals() -> None:
    """Called in the thread that starts children: these begin with signals blocked, until they tie themselves."""
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)


def kill_children() -> None:
    """Called by a process that leaves without unwinding: kills those too that have not tied themselves yet."""
    for child in active_children():
        child.kill()
    for leader in tuple(groups):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
