"""Play with a run's agent and its model: a local page where truth and imagination run side by side.

You pick a start, act yourself or let the agent act, and see what the model imagines of the steps ahead, how sure it is,
and which plans were weighed. The page needs no internet; it is served to this machine alone, and ends with Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import sys
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from .evaluate import chosen
from .output import Usage, complain, say, trusting

if TYPE_CHECKING:
    from ..playground.requests import Requests
    from ..runs.experiment import Experiment

PATIENCE = 5.0  # seconds that the last piece of work may take to end


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="the folder of a run")
    parser.add_argument("--checkpoint", metavar="NAME", help="best, or one such as step-2000; else the newest")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="of the page; any that is free by default")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    trusting(parser)


def run(given: argparse.Namespace) -> int:
    """Loads the agent, serves the page, and ends when it is interrupted."""
    folder: Path = given.run_folder
    if not folder.is_dir():
        raise Usage(f"RUN: expected the folder of a run, got {folder}")
    if not 0 <= given.port <= 65535:
        raise Usage(f"--port: expected 0 to 65535, got {given.port}")
    from ..recipe import check, compose

    composed = compose(str(folder), ["callbacks=null", "logger=null"], trust=given.trust)
    check(composed)
    say("loading torch ...")
    from ..data.episodes import EnvironmentFault
    from ..playground.desk import Desk
    from ..recipe import build
    from ..runs.checkpoint_content import WrongCheckpoint

    checkpoint = chosen(folder, given.checkpoint)
    desk = Desk()
    try:
        requests = desk.do(lambda: opened(build(composed), folder, checkpoint))
    except WrongCheckpoint as error:
        raise Usage(str(error)) from error
    except EnvironmentFault as error:
        complain(str(error))
        return 1
    from ..playground.server import Server

    try:
        server = Server(given.port, f"{folder.name}, {checkpoint.name}", requests, desk)
    except OSError as error:
        desk.close(requests.session.close, PATIENCE)
        raise Usage(f"--port: expected a free one, got {given.port}: {error.strerror}") from error
    say(server.gate.page)
    say("open it in a browser of this machine; Ctrl-C ends it")
    if not given.no_browser and has_screen():
        webbrowser.open(server.gate.page)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        say("ended")
    finally:
        server.server_close()
        desk.close(requests.session.close, PATIENCE)
    return 0


def has_screen() -> bool:
    """Whether a browser would have a window; one in the terminal would take this command's place."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def opened(experiment: Experiment, folder: Path, checkpoint: Path) -> Requests:
    """A session with the agent of a checkpoint."""
    from ..playground.requests import Requests
    from ..playground.session import Session

    experiment.load(checkpoint)
    agent = experiment.agent
    about = {
        "run": str(folder),
        "checkpoint": checkpoint.name,
        "environment": experiment.evaluation.environment.id,
        "agent": type(agent).__name__,
    }
    return Requests(Session(experiment.evaluation, agent), about)
