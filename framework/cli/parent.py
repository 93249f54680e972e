"""Further ranks die with the process that started them.

A killed first rank cannot end the others: alone, they would go on for as long as nothing has to be told to it, and on
GPUs wait for it for minutes. Linux does it for us; elsewhere they end at their next collective operation.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

from .output import further_rank

FIRST = "FULGURITE_FIRST_RANK"
PR_SET_PDEATHSIG = 1


def share_fate() -> None:
    """To be called by every rank as it begins: the first leaves its number to those that it will start."""
    if not further_rank():
        os.environ[FIRST] = str(os.getpid())
        return
    if sys.platform != "linux":
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(os.environ.get(FIRST, os.getppid())):  # it died before we asked
        sys.exit(1)
