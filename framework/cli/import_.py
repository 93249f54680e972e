"""Import an exported agent: checked, and installed as a run folder, from which it can be evaluated and watched.

What comes from elsewhere is data: its recipe names Fulgurite's classes and plain values only, unless --trust is given.
"""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

from .output import Usage, say, say_json


def add(parser: argparse.ArgumentParser) -> None:
    """The verb's arguments."""
    parser.add_argument("source", metavar="FOLDER|hf://owner/name", help="an exported folder, or a name on the hub")
    parser.add_argument(
        "overrides", nargs="*", default=[], metavar="key=value", help="what its recipe leaves open, with ???"
    )
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="the run folder; runs/imported/<its name> by default")
    parser.add_argument("--trust", action="store_true", help="let its recipe name any class, as a file of yours may")
    parser.add_argument("--json", action="store_true", help="what agent.json says, machine-readable")


def run(given: argparse.Namespace) -> int:
    """Checks and installs it."""
    on_hub = given.source.startswith("hf://")
    if not on_hub and not Path(given.source).is_dir():
        raise Usage(f"{given.source}: expected the folder of an exported agent, or hf://owner/name")
    if not given.json:
        say("loading torch ...")
    from ..runs.checkpoint_content import WrongCheckpoint
    from ..sharing import hub
    from ..sharing.folder import WrongExport
    from ..sharing.install import install

    try:
        source = hub.cached(given.source) if on_hub else Path(given.source)
        to = given.to or Path("runs") / "imported" / name_of(given.source)
        about = install(source, to, given.overrides, given.trust, links=on_hub)
    except (WrongExport, WrongCheckpoint, FileExistsError) as error:
        raise Usage(str(error)) from error
    if given.json:
        say_json({"folder": str(to), **about})
        return 0
    say(f"{to}\nfulgurite evaluate {shlex.quote(str(to))}\nfulgurite video {shlex.quote(str(to))}")
    return 0


def name_of(source: str) -> str:
    """A folder's name for it."""
    if source.startswith("hf://"):
        return re.sub(r"[^\w.-]", "-", source.removeprefix("hf://").partition("@")[0]).strip("-.")
    last = Path(source).resolve()
    return last.parent.name if last.name == "exported" else last.name
