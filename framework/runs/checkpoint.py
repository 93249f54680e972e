"""Checkpoints that are whole or absent: a folder of hashed files, renamed into place once.

    checkpoints/.tmp-step-2000-<pid>/   checkpoint.pt, parts, about.json, then MANIFEST.json (`manifest`), all flushed
    checkpoints/step-2000/              the same folder, renamed: atomic on one file system

The tensors and plain containers of its files are read by `checkpoint_content`, so a foreign file runs no code. Parts
(`parts.py`) that the checkpoint before has too are not written again but taken over (`shared_files.py`): of a large
buffer each checkpoint writes only the tail, and on the disk it lies twice, however many checkpoints are kept.
"""

import errno
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO

from . import parts
from .about import ABOUT, as_text
from .checkpoint_content import read
from .durable import fingerprint, flush_folder, write
from .manifest import FORMAT, MANIFEST, PAYLOAD, DamagedCheckpoint, is_whole, named_files, unknown_files, verify
from .parts import NAME, replaced, size_in_bytes
from .shared_files import SharedFiles, Source

BEST = "best"  # beside the folders, names the one with the best evaluation
SPARE = 1.2  # of what a checkpoint needs must be free on the disk, so that it is not filled to the last byte


class FolderCheckpointIO(CheckpointIO):
    """Lightning's way to the disk: every save of the trainer becomes such a folder.

    Args:
        examine: looks at what was read, before anything takes it over.
        about: what each checkpoint notes of the run, see `about.py`.

    Attributes:
        beside: a checkpoint that stays when the next is written, which shares no file with it; None where none stays.
    """

    def __init__(
        self,
        examine: Callable[[dict[str, Any]], None] = lambda content: None,
        about: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self.examine, self.about = examine, about
        self.beside: Path | None = None
        self._newest: Path | None = None  # that this run wrote or was resumed from
        self._shared = SharedFiles()

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Writes the folder `path`. A whole one of that name is left alone: it holds the same state.

        Raises:
            OSError: where the disk refuses, or has too little room; nothing whole that was there before is touched.
        """
        final = Path(path)
        if final.exists() and is_whole(final):
            return
        if not final.parent.is_dir():
            final.parent.mkdir(parents=True)
            flush_folder(final.parent.parent)
        sources = self._sources(checkpoint)
        copied = sum(source.expected["bytes"] for source in sources.values() if not source.linked)
        need, free = size_in_bytes(checkpoint) + copied, shutil.disk_usage(final.parent).free
        if free < SPARE * need:
            raise OSError(errno.ENOSPC, f"need {SPARE * need / 1e6:.3g} MB, {free / 1e6:.3g} MB are free", str(final))
        temporary = final.parent / f".tmp-{final.name}-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            self._write(checkpoint, temporary, sources)
            if final.exists():
                self.remove_checkpoint(final)
            os.rename(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_folder(final.parent)
        self._newest = final

    def _sources(self, checkpoint: dict[str, Any]) -> dict[str, Source]:
        """Where the parts that were not given again come from."""
        names: list[str] = []

        def note(part: dict[str, Any]) -> dict[str, Any]:
            if parts.is_left_out(part):
                names.append(f"{part[NAME]}.pt")
            return part

        replaced(checkpoint, note)
        if not names or self._newest is None:
            return self._shared.sources(names, {}, None)
        others = sorted(set(self._newest.parent.glob("step-*")) - {self._newest})
        return self._shared.sources(names, {one: named_files(one) for one in (self._newest, *others)}, self.beside)

    def _write(self, checkpoint: dict[str, Any], folder: Path, sources: dict[str, Source]) -> None:
        files: dict[str, Any] = {}

        def put(part: dict[str, Any]) -> dict[str, Any]:
            name = f"{part[NAME]}.pt"
            if parts.is_left_out(part):
                self._shared.take(sources[name], folder / name)
                files[name] = sources[name].expected
            else:
                given = parts.content(part)
                write(folder / name, lambda file: torch.save(given, file))
                files[name] = fingerprint(folder / name)
            return {NAME: part[NAME]}

        payload = replaced(checkpoint, put)
        write(folder / PAYLOAD, lambda file: torch.save(payload, file))
        write(folder / ABOUT, lambda file: file.write(as_text(self.about()).encode()))
        files.update((name, fingerprint(folder / name)) for name in (PAYLOAD, ABOUT))
        text = json.dumps({"format": FORMAT, "files": files}, indent=2).encode()
        write(folder / MANIFEST, lambda file: file.write(text))
        flush_folder(folder)

    def parts(self) -> list[str]:
        """The names of parts that need not be given again: the checkpoint before has them, and none is damaged."""
        if self._newest is None:
            return []
        files = {
            self._newest / name: file
            for name, file in named_files(self._newest).items()
            if name not in (PAYLOAD, ABOUT)
        }
        whole = self._shared.whole(files)
        return [path.name.removesuffix(".pt") for path in files if path in whole]

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any | None = lambda storage, loc: storage,
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Reads the folder `path` after checking it; always with `weights_only=True`."""
        self._newest = Path(path)
        content = load(self._newest, map_location)
        self.examine(content)
        return content

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes the folder: its manifest first, so that a half removed one is never taken for whole."""
        (Path(path) / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(path, ignore_errors=True)


def load(folder: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a checkpoint folder; its parts are read where they are used (`parts.content`).

    Raises:
        WrongCheckpoint: naming the file, what was expected of it and what it is.
    """
    files = verify(folder)

    def place(part: dict[str, Any]) -> dict[str, Any]:
        name = f"{part[NAME]}.pt"
        if name not in files:
            raise DamagedCheckpoint(f"{folder}: {PAYLOAD} needs the part {name}, which {MANIFEST} does not have")
        return {NAME: part[NAME], "file": str(folder / name)}

    return replaced(read(folder / PAYLOAD, map_location), place)


def latest(run: Path, warn: Callable[[str], None] = lambda message: None) -> Path | None:
    """The newest undamaged checkpoint of a run folder; tells `warn` of each damaged one that it passed over."""
    for folder in sorted(checkpoints(run), key=step, reverse=True):
        try:
            verify(folder)
            unknown = unknown_files(folder)
        except DamagedCheckpoint as error:
            warn(str(error))
        else:
            if unknown:
                warn(f"{folder}: ignored what its manifest does not name: {', '.join(unknown)[:200]}")
            return folder
    return None


_STEP = re.compile(r"step-([0-9]+)(?:-([0-9]+))?")


def checkpoints(run: Path) -> list[Path]:
    """The checkpoint folders of a run, in no order."""
    return [path for path in (run / "checkpoints").glob("step-*") if _STEP.fullmatch(path.name)]


def step(folder: Path) -> tuple[int, int]:
    """What a checkpoint's name says: environment steps, and gradient steps where an earlier one had the same (else -1).

    Raises:
        ValueError: for another name.
    """
    found = _STEP.fullmatch(folder.name)
    if not found:
        raise ValueError(f"{folder}: need a name such as step-2000 or step-2000-350")
    return int(found[1]), int(found[2] or -1)


def sweep(run: Path) -> None:
    """Removes what a killed process had not finished writing. To be called by those who have the run to themselves."""
    for folder in (run / "checkpoints").glob(".tmp-*"):
        shutil.rmtree(folder, ignore_errors=True)
