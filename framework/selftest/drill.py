"""What a drill is: something that breaks a run on purpose, and finds that nothing was lost, or says what was."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple


class Failed(Exception):
    """A drill that did not go as it should, in one line."""


class Skipped(Exception):
    """A drill that this machine does not allow, and why."""


class Drill(NamedTuple):
    """`run(place, long)` works in an empty folder, the long way or the short one, and returns what it saw in one line.

    It raises `Failed` or `Skipped`.
    """

    name: str
    what: str
    run: Callable[[Path, bool], str]
