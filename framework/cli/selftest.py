"""Break small runs on purpose on this machine, and see that nothing is lost.

Kills while a checkpoint is written, damaged files, resuming bit by bit in one process and in two, and more: one line
each. The short way takes a few minutes, --long does each drill many times. The exit code is 1 where a drill failed.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from ..recipe_error import nearest
from .output import Usage, say, table


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("drills", nargs="*", metavar="DRILL", help="only these")
    parser.add_argument("--long", action="store_true", help="each drill many times")
    parser.add_argument("--list", action="store_true", help="name the drills, and run none")
    parser.add_argument("--place", type=Path, help="a folder to work in, such as one on a cluster's file system")


def run(given: argparse.Namespace) -> int:
    """Runs the drills one after the other, and says at once how each went."""
    from ..selftest.drill import Failed, Skipped
    from ..selftest.drills import DRILLS

    names = [drill.name for drill in DRILLS]
    for name in given.drills:
        if name not in names:
            raise Usage(f"no drill {name}{nearest(name, names, 'there are')}")
    if given.list:
        table([(drill.name, drill.what) for drill in DRILLS])
        return 0
    width = max(map(len, names))
    code = 0
    for drill in DRILLS:
        if given.drills and drill.name not in given.drills:
            continue
        began = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix=f"selftest-{drill.name}-", dir=given.place) as place:
            try:
                verdict, said = "ok", drill.run(Path(place), given.long)
            except Skipped as reason:
                verdict, said = "skipped", str(reason)
            except Failed as reason:
                verdict, said, code = "FAILED", str(reason), 1
        say(f"{verdict:7}  {drill.name:{width}}  {time.perf_counter() - began:4.0f} s  {said}")
    return code
