"""Checkpoints that are whole or absent: a folder of hashed files, renamed into place once.

    checkpoints/.tmp-step-2000-<pid>/   checkpoint.pt, then MANIFEST.json with size and sha256, each flushed to disk
    checkpoints/step-2000/              the same folder, renamed: atomic on one file system

The tensors and plain containers of `checkpoint.pt` are read by `checkpoint_content`, so a foreign file runs no code.
"""

import hashlib
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

PAYLOAD = "checkpoint.pt"
MANIFEST = "MANIFEST.json"
FORMAT = 2
MANIFEST_BYTES = 16 << 20  # at most


class DamagedCheckpoint(WrongCheckpoint):
    """A checkpoint folder whose content is not what its manifest says."""


class FolderCheckpointIO(CheckpointIO):
    """Lightning's way to the disk: every save of the trainer becomes such a folder.

    Args:
        examine: looks at what was read, before anything takes it over.
    """

    def __init__(self, examine: Callable[[dict[str, Any]], None] = lambda content: None) -> None:
        self.examine = examine

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any | None = None
    ) -> None:
        """Writes the folder `path`. A folder of that name is left alone: it holds the same step, whole.

        Raises:
            OSError: where the disk refuses; nothing that was there before is touched.
        """
        final = Path(path)
        if final.exists():
            return
        final.parent.mkdir(parents=True, exist_ok=True)
        temporary = final.parent / f".tmp-{final.name}-{os.getpid()}"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            write(temporary / PAYLOAD, lambda file: torch.save(checkpoint, file))
            said = {"format": FORMAT, "files": {PAYLOAD: fingerprint(temporary / PAYLOAD)}}
            text = json.dumps(said, indent=2).encode()
            write(temporary / MANIFEST, lambda file: file.write(text))
            os.rename(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_folder(final.parent)

    def load_checkpoint(
        self,
        path: str | os.PathLike[str],
        map_location: Any | None = lambda storage, loc: storage,
        weights_only: bool | None = True,
    ) -> dict[str, Any]:
        """Reads the folder `path` after checking it; always with `weights_only=True`."""
        content = load(Path(path), map_location)
        self.examine(content)
        return content

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes the folder."""
        shutil.rmtree(path, ignore_errors=True)


def load(folder: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a checkpoint folder.

    Raises:
        WrongCheckpoint: naming the file, what was expected of it and what it is.
    """
    verify(folder)
    return read(folder / PAYLOAD, map_location)


def verify(folder: Path) -> None:
    """Raises `DamagedCheckpoint` unless every file is as the manifest says."""
    for name, expected in manifest(folder).items():
        path = folder / name
        found = fingerprint(path) if is_plain(path) and _size(expected) == path.stat().st_size else None
        if found != expected:
            raise DamagedCheckpoint(f"{path}: need {str(expected)[:200]}, got {found or _what(path)}")


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


def checkpoints(run: Path) -> list[Path]:
    """The checkpoint folders of a run, in no order."""
    return [path for path in (run / "checkpoints").glob("step-*") if re.fullmatch(r"step-[0-9]+", path.name)]


def step(folder: Path) -> int:
    """The environment steps in a checkpoint folder's name."""
    return int(folder.name.removeprefix("step-"))


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


def write(path: Path, dump: Callable[[Any], Any]) -> None:
    """Writes a file and has the disk confirm it."""
    with path.open("wb") as file:
        dump(file)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Has the disk confirm a folder's entries, without which a rename may be lost in a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def fingerprint(path: Path) -> dict[str, Any]:
    """Size in bytes and sha256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"bytes": path.stat().st_size, "sha256": digest.hexdigest()}
