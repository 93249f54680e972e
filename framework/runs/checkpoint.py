"""Checkpoints that are whole or absent: a folder of hashed files, renamed into place once.

    checkpoints/.tmp-step-2000-<pid>/   checkpoint.pt and parts, then MANIFEST.json with sizes and sha256, all flushed
    checkpoints/step-2000/              the same folder, renamed: atomic on one file system

The tensors and plain containers of its files are read by `checkpoint_content`, so a foreign file runs no code. Parts
(`parts.py`) that the checkpoint before has too are hard links to the same file: a large buffer costs only its tail.
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

from .checkpoint_content import WrongCheckpoint, read
from .durable import fingerprint, flush_folder, link, write
from . import parts
from .parts import NAME, replaced, size_in_bytes

PAYLOAD = "checkpoint.pt"
MANIFEST = "MANIFEST.json"
BEST = "best"  # beside the folders, names the one with the best evaluation
FORMAT = 3
MANIFEST_BYTES = 16 << 20  # at most
SPARE = 1.2  # of what a checkpoint needs must be free on the disk, so that it is not filled to the last byte


class DamagedCheckpoint(WrongCheckpoint):
    """A checkpoint folder whose content is not what its manifest says."""


class FolderCheckpointIO(CheckpointIO):
    """Lightning's way to the disk: every save of the trainer becomes such a folder.

    Args:
        examine: looks at what was read, before anything takes it over.
    """

    def __init__(self, examine: Callable[[dict[str, Any]], None] = lambda content: None) -> None:
        self.examine = examine
        self._newest: Path | None = None  # that this run wrote or was resumed from

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Writes the folder `path`. A folder of that name is left alone: it holds the same state, whole.

        Raises:
            OSError: where the disk refuses, or has too little room; nothing that was there before is touched.
        """
        final = Path(path)
        if final.exists():
            return
        final.parent.mkdir(parents=True, exist_ok=True)
        need, free = size_in_bytes(checkpoint), shutil.disk_usage(final.parent).free
        if free < SPARE * need:
            raise OSError(errno.ENOSPC, f"need {SPARE * need / 1e6:.3g} MB, {free / 1e6:.3g} MB are free", str(final))
        temporary = final.parent / f".tmp-{final.name}-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            self._write(checkpoint, temporary)
            os.rename(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_folder(final.parent)
        self._newest = final

    def _write(self, checkpoint: dict[str, Any], folder: Path) -> None:
        files: dict[str, Any] = {}
        earlier = {} if self._newest is None else manifest(self._newest)

        def put(part: dict[str, Any]) -> dict[str, Any]:
            name = f"{part[NAME]}.pt"
            given = parts.content(part)
            if given is None:
                assert self._newest is not None
                link(self._newest / name, folder / name)
                files[name] = earlier[name]
            else:
                write(folder / name, lambda file: torch.save(given, file))
                files[name] = fingerprint(folder / name)
            return {NAME: part[NAME]}

        payload = replaced(checkpoint, put)
        write(folder / PAYLOAD, lambda file: torch.save(payload, file))
        files[PAYLOAD] = fingerprint(folder / PAYLOAD)
        text = json.dumps({"format": FORMAT, "files": files}, indent=2).encode()
        write(folder / MANIFEST, lambda file: file.write(text))
        flush_folder(folder)

    def parts(self) -> list[str]:
        """The names of parts that need not be given again."""
        if self._newest is None or not self._newest.is_dir():
            return []
        return [name.removesuffix(".pt") for name in manifest(self._newest) if (self._newest / name).is_file()]

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


def verify(folder: Path) -> dict[str, Any]:
    """The files of a manifest, if every one of them is as it says.

    Raises:
        DamagedCheckpoint: naming the first that is not.
    """
    files = manifest(folder)
    for name, expected in files.items():
        path = folder / name
        found = fingerprint(path) if is_plain(path) and _size(expected) == path.stat().st_size else None
        if found != expected:
            raise DamagedCheckpoint(f"{path}: need {str(expected)[:200]}, got {found or _what(path)}")
    return files


def manifest(folder: Path) -> dict[str, Any]:
    """The files of a checkpoint folder with their fingerprints, as its manifest says.

    Raises:
        DamagedCheckpoint: for a manifest that cannot be read, of another format, or that names no files of the folder.
    """
    path = folder / MANIFEST
    if not is_plain(path) or path.stat().st_size > MANIFEST_BYTES:
        raise DamagedCheckpoint(f"{path}: need a file of at most {MANIFEST_BYTES >> 20} MiB, got {_what(path)}")
    try:
        said = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedCheckpoint(f"{path}: cannot be read: {type(error).__name__}: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        found = said.get("format") if isinstance(said, dict) else None
        newer = "; a newer Fulgurite wrote it" if isinstance(found, int) and found > FORMAT else ""
        raise DamagedCheckpoint(f"{folder}: need format {FORMAT}, got {found!r}{newer}")
    files = said.get("files")
    if not isinstance(files, dict) or PAYLOAD not in files:
        raise DamagedCheckpoint(f"{path}: need files with {PAYLOAD} among them, got {str(files)[:100]}")
    for name in files:
        if name != Path(name).name or name in ("", "..", MANIFEST):
            raise DamagedCheckpoint(f"{path}: need names of files in this folder, got {name!r}")
    return files


def unknown_files(folder: Path) -> list[str]:
    """What lies in a checkpoint folder beside the files of its manifest; nobody reads it."""
    return sorted({path.name for path in folder.iterdir()} - {MANIFEST, *manifest(folder)})


def latest(run: Path, warn: Callable[[str], None] = lambda message: None) -> Path | None:
    """The newest undamaged checkpoint of a run folder; tells `warn` of each damaged one that it passed over."""
    for folder in sorted(checkpoints(run), key=step, reverse=True):
        try:
            verify(folder)
        except DamagedCheckpoint as error:
            warn(str(error))
        else:
            if unknown := unknown_files(folder):
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


def is_plain(path: Path) -> bool:
    """Whether it is a file itself: no link out of the folder, no pipe, no device."""
    return path.is_file() and not path.is_symlink()


def _size(expected: Any) -> Any:
    return expected.get("bytes") if isinstance(expected, dict) else None


def _what(path: Path) -> str:
    if path.is_symlink():
        return "a link"
    if not path.exists():
        return "no file"
    return f"{path.stat().st_size} bytes" if path.is_file() else "no plain file"
