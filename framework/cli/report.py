"""Write a page about one run or several: did it learn, can its model be trusted, where did time go?

It is one file that opens offline: RUN/report.html for one run, report.html here for several. Also of runs that crashed
or still go on. A folder of runs stands for all runs in it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .output import Usage, say, say_json


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="the folder of a run, or one of many")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to write the page")
    parser.add_argument("--megabytes", type=float, metavar="M", help="of pictures in the page; the others are linked")
    parser.add_argument("--wandb", action="store_true", help="also save a view of the runs' W&B projects, in order")
    parser.add_argument("--json", action="store_true", help="the path, machine-readable")


def run(given: argparse.Namespace) -> int:
    """Reads the runs and writes the page."""
    from ..recipe_files import RUN_REPORT
    from ..reports.report import MEGABYTES, report
    from ..reports.run import found_in

    megabytes = MEGABYTES if given.megabytes is None else given.megabytes
    if not 0 <= megabytes < 1000:
        raise Usage(f"--megabytes: expected 0 to 1000, got {given.megabytes}")
    try:
        folders = list(dict.fromkeys(folder for named in given.runs for folder in found_in(named)))
        path = given.out or (folders[0] / RUN_REPORT if len(folders) == 1 else Path(RUN_REPORT))
        report(folders, path, megabytes)
    except ValueError as error:
        raise Usage(str(error)) from error
    except OSError as error:
        raise Usage(f"{error.filename}: cannot be written: {error.strerror}") from error
    views = arranged(folders) if given.wandb else []
    if given.json:
        say_json({"report": path, "runs": folders, "wandb": views})
    else:
        say(f"{path}: {len(folders)} run{'s' * (len(folders) > 1)}; open it in a browser")
        for address in views:
            say(f"W&B, with its panels arranged: {address}")
    return 0


def arranged(folders: Sequence[Path]) -> list[str]:
    """Addresses of the views that were saved, one in each W&B project of these runs."""
    try:
        from ..reports.wandb_panels import projects, save

        found = projects(folders)
        addresses = [save(entity, project) for entity, project in found]
    except ImportError as error:
        raise Usage(f"--wandb: needs wandb and wandb-workspaces: {error}") from error
    except Exception as error:  # W&B's own, of many kinds: no key, no network, no rights, no such project
        reason = " ".join(str(error).split())[:200]
        raise Usage(f"--wandb: no view could be saved ({type(error).__name__}: {reason})") from error
    if not found:
        raise Usage("--wandb: expected a run with the logger Wandb, got none in the recipes of these runs")
    return addresses
