"""Further ranks die with the process that started them.

A killed first rank cannot end the others: alone, they would go on for as long as nothing has to be told to it, and on
GPUs wait for it for minutes. Linux does it for us; elsewhere they end at their next collective operation.
"""

from __future__ import annotations

import os

from ..runs.lifeline import end_with
from .output import further_rank

FIRST = "FULGURITE_FIRST_RANK"


def share_fate() -> None:
    """To be called by every rank as it begins: the first leaves its number to those that it will start."""
    if not further_rank():
        os.environ[FIRST] = str(os.getpid())
        return
    end_with(int(os.environ.get(FIRST, os.getppid())))
