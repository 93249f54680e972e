"""Write a page about one run or several: did it learn, can its model be trusted, where did time go?

It is one file that opens offline: RUN/report.html for one run, report.html here for several. Also of runs that crashed
or still go on. A folder of runs stands for all runs in it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .output import Usage, say, say_json


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run, or one of many")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the page")
    parser.add_argument("--megabytes", type=float, metavar="M", help="of pictures in the page; the others are linked")
    parser.add_argument("--json", action="store_true", help="the path, machine-readable")


def run(given: argparse.Namespace) -> int:
    """Reads the runs and writes the page."""
    from ..reports.page import REPORT
    from ..reports.report import MEGABYTES, report
    from ..reports.run import found_in

    megabytes = MEGABYTES if given.megabytes is None else given.megabytes
    if not 0 <= megabytes < 1000:
        raise Usage(f"--megabytes: expected 0 to 1000, got {given.megabytes}")
    try:
        folders = list(dict.fromkeys(folder for named in given.runs for folder in found_in(named)))
        path = given.out or (folders[0] / REPORT if len(folders) == 1 else Path(REPORT))
        report(folders, path, megabytes)
    except ValueError as error:
        raise Usage(str(error)) from error
    except OSError as error:
        raise Usage(f"{error.filename}: cannot be written: {error.strerror}") from error
    if given.json:
        say_json({"report": path, "runs": folders})
    else:
        say(f"{path}: {len(folders)} run{'s' * (len(folders) > 1)}; open it in a browser")
    return 0
