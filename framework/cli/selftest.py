"""Break small runs on purpose on this machine, and see that nothing is lost.

Kills while a checkpoint is written, damaged and malicious files, resuming bit by bit in one process and in two, signals
in every phase, environments and W&B that fail, and more: one line each. The short way takes up to ten minutes on two
cores, --long does each drill many times. The exit code is 1 where a drill failed.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..recipe_error import nearest
from .output import Usage, say, table

if TYPE_CHECKING:
    from ..selftest.drill import Drill, Extent


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("drills", nargs="*", default=[], metavar="DRILL", help="only these")
    parser.add_argument("--long", action="store_true", help="each drill many times")
    parser.add_argument(
        "--family", action="append", default=[], metavar="RECIPE", help="resume and stop only these; repeatable"
    )
    parser.add_argument("--list", action="store_true", help="name the drills, and run none")
    parser.add_argument("--place", type=Path, help="a folder to work in, such as one on a cluster's file system")


def run(given: argparse.Namespace) -> int:
    """Runs the drills one after the other, and says at once how each went."""
    from ..selftest.drill import FAMILIES, Extent
    from ..selftest.drills import DRILLS

    names = [drill.name for drill in DRILLS]
    for name in given.drills:
        if name not in names:
            raise Usage(f"no drill {name}{nearest(name, names, 'there are')}")
    for family in given.family:
        if family not in FAMILIES:
            raise Usage(f"--family: no family {family}{nearest(family, FAMILIES, 'there are')}")
    extent = Extent(given.long, given.family)
    if given.list:
        table([(drill.name, drill.what) for drill in DRILLS])
        return 0
    before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # ends what was started
    try:
        chosen = [drill for drill in DRILLS if not given.drills or drill.name in given.drills]
        return drilled(chosen, extent, given.place)
    finally:
        signal.signal(signal.SIGTERM, before)


def drilled(drills: Sequence[Drill], extent: Extent, place: Path | None) -> int:
    """Runs them one after the other; the exit code."""
    from ..selftest.drill import Failed, Skipped

    width = max(len(drill.name) for drill in drills)
    code = 0
    for drill in drills:
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=f"selftest-{drill.name}-", dir=place) as folder:
            try:
                verdict, said = "ok", drill.run(Path(folder), extent)
            except Skipped as reason:
                verdict, said = "skipped", str(reason)
            except Failed as reason:
                verdict, said, code = "FAILED", str(reason), 1
        say(f"{verdict:7}  {drill.name:{width}}  {time.perf_counter() - began:4.0f} s  {said}")
    return code
