"""Files that a checkpoint has from those before it, without one damaged file ever taking all of them.

    checkpoint                      1   2   3   4   5   ...
    file of a piece that they share a   b   a   b   a   ...

A hard link costs nothing, but what is damaged under one name is damaged under all. So a checkpoint shares no file with
the one that stays beside it: it links what an older one has, and copies where there is none. Each file is copied once,
so what is shared takes twice its size on the disk while two checkpoints or more are kept, once where one is.

A damaged file is not taken. Sizes are looked at each time, hashes of those that were looked at longest ago, `CHECKED`
bytes at a time: sha256 goes over 1.3 GB a second on one core of a server, so all of a buffer of 10 GB at every
checkpoint would be 8 s of standing still. What waits for its turn is what the second file is for.
"""

import errno
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import Any

from .durable import copy, fingerprint, link

log = logging.getLogger(__name__)
CHECKED = 256 << 20  # bytes, about 0.2 s


@dataclass(frozen=True)
class Source:
    """Where a file comes from. One that is not `linked` is copied."""

    path: Path
    expected: dict[str, Any]
    linked: bool


class SharedFiles:
    """Takes files from one checkpoint into the next."""

    def __init__(self) -> None:
        self._turn = 0
        self._checked: dict[int, int] = {}  # inode: the turn in which its hash was right
        self._links = True

    def whole(self, files: Mapping[Path, dict[str, Any]]) -> set[Path]:
        """Those of some files that are as expected, as far as was looked (see above); the log names the others."""
        self._turn += 1
        inodes = {path: inode for path, expected in files.items() if (inode := _inode(path, expected)) is not None}
        damaged, left = [path for path in files if path not in inodes], CHECKED
        for path in sorted(inodes, key=lambda path: self._checked.get(inodes[path], 0)):
            if left <= 0:
                break
            left -= files[path]["bytes"]
            if _as_expected(path, files[path]):
                self._checked[inodes[path]] = self._turn
            else:
                self._checked.pop(inodes[path], None)
                damaged.append(path)
        for path in damaged:
            log.warning("%s is gone or damaged: the next checkpoint gets the same from elsewhere", path)
        return set(files) - set(damaged)

    def sources(
        self, names: Iterable[str], folders: Mapping[Path, dict[str, Any]], apart: Path | None
    ) -> dict[str, Source]:
        """Where the next checkpoint gets its files of these names from.

        Args:
            names: of files in the checkpoint before.
            folders: the checkpoints that there are, with their manifests, first the one before.
            apart: the one of them that stays beside the next.

        Raises:
            OSError: for a file that the checkpoint before has not.
        """
        before, files = next(iter(folders.items()), (Path(), {}))
        found = {}
        for name in names:
            if name not in files:
                raise OSError(errno.ENOENT, "it was to be taken from there, and is gone", str(before / name))
            expected = files[name]
            taken = None if apart is None else _inode(apart / name, expected)
            others = [folder / name for folder, has in folders.items() if has.get(name) == expected]
            inodes = {path: _inode(path, expected) for path in others}
            linked = next((path for path, inode in inodes.items() if inode not in (None, taken)), None)
            found[name] = Source(linked or before / name, expected, linked is not None and self._links)
        whole = self.whole({source.path: source.expected for source in found.values() if source.linked})
        return {
            name: source if source.path in whole else Source(before / name, source.expected, linked=False)
            for name, source in found.items()
        }

    def take(self, source: Source, path: Path) -> None:
        """Makes the file `path`.

        Raises:
            OSError: where the disk refuses, or the source turns out to be damaged.
        """
        if source.linked:
            if link(source.path, path):
                return
            self._links = False
            log.warning("%s: no hard links here, so every checkpoint is written whole", path.parent.parent)
        copy(source.path, path)
        if fingerprint(path) != source.expected:
            self._checked.pop(source.path.stat().st_ino, None)  # the first to be looked at next time
            raise OSError(errno.EIO, "is damaged, and cannot be taken into the next checkpoint", str(source.path))


def _inode(path: Path, expected: dict[str, Any]) -> int | None:
    """Of a plain file of the expected size."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found.st_ino if S_ISREG(found.st_mode) and found.st_size == expected["bytes"] else None


def _as_expected(path: Path, expected: dict[str, Any]) -> bool:
    try:
        return fingerprint(path) == expected
    except OSError:
        return False
