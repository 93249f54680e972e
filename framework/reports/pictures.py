"""The moving and still pictures of a run, embedded into the page as long as there is room, else linked beside it."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .run import Run

KINDS = {b"GIF8": "image/gif", b"\x89PNG": "image/png"}
PATTERNS = ("videos/*.gif", "plots/*.png")
# The page draws these itself.
DRAWN = ("returns", "model_error", "coverage", "calibration", "calibration_evaluated", "promises", "values", "time")
MOST = 6  # of a run


@dataclass(frozen=True)
class Picture:
    """One picture. `data` is an address that holds it, or None: then `link` leads to the file beside the page."""

    name: str
    run: str
    data: str | None
    link: str
    kilobytes: int


class Room:
    """How many bytes of pictures a page may still take."""

    def __init__(self, megabytes: float) -> None:
        self.left = megabytes * 1e6

    def take(self, size: int) -> bool:
        """Whether there was room."""
        if size > self.left:
            return False
        self.left -= size
        return True


def pictures(run: Run, room: Room, page: Path) -> list[Picture]:
    """The newest pictures of a run that the page does not draw itself."""
    found = []
    for path in list(_newest(run.folder))[:MOST]:
        kind, size = _kind(path), path.stat().st_size
        if kind is None:
            continue
        link = quote(os.path.relpath(path.absolute(), page.absolute().parent).replace(os.sep, "/"))
        data = None
        if room.take(size):
            data = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
        found.append(Picture(path.stem, f"seed {run.seed}", data, link, round(size / 1000)))
    return found


def _newest(folder: Path) -> Iterator[Path]:
    """Of each series, such as `step-200`, `step-400`, the last; films before stills. No links: they lead anywhere."""
    for pattern in PATTERNS:
        last: dict[str, Path] = {}
        for path in sorted(folder.glob(pattern), key=lambda path: (_number(path), path.name)):
            if path.is_file() and not path.is_symlink() and path.stem not in DRAWN:
                last[re.sub(r"\d+", "", path.stem)] = path
        yield from last.values()


def _number(path: Path) -> int:
    found = re.findall(r"\d+", path.stem)
    return int(found[-1][:18]) if found else 0


def _kind(path: Path) -> str | None:
    """By what is in it, whatever it is called."""
    with path.open("rb") as file:
        return KINDS.get(file.read(4))
