"""Checkpoints that are whole or absent: a folder of hashed files, renamed into place once.

    checkpoints/.tmp-step-2000-<pid>/   checkpoint.pt, then MANIFEST.json with size and sha256, each flushed to disk
    checkpoints/step-2000/              the same folder, renamed: atomic on one file system

The tensors and plain containers of `checkpoint.pt` are read with `weights_only=True`, so a foreign file runs no code.
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

PAYLOAD = "checkpoint.pt"
MANIFEST = "MANIFEST.json"
FORMAT = 2


class DamagedCheckpoint(RuntimeError):
    """A checkpoint folder whose content is not what its manifest says."""


class FolderCheckpointIO(CheckpointIO):
    """Lightning's way to the disk: every save of the trainer becomes such a folder."""

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
            manifest = {"format": FORMAT, "files": {PAYLOAD: fingerprint(temporary / PAYLOAD)}}
            text = json.dumps(manifest, indent=2).encode()
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
        return load(Path(path), map_location)

    def remove_checkpoint(self, path: str | os.PathLike[str]) -> None:
        """Removes the folder."""
        shutil.rmtree(path, ignore_errors=True)


def load(folder: Path, map_location: Any = "cpu") -> dict[str, Any]:
    """The content of a checkpoint folder.

    Raises:
        DamagedCheckpoint: naming the file, what the manifest says of it and what it is.
    """
    verify(folder)
    return torch.load(folder / PAYLOAD, map_location=map_location, weights_only=True)


def verify(folder: Path) -> None:
    """Raises `DamagedCheckpoint` unless every file is as the manifest says."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        files = manifest["files"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedCheckpoint(f"{folder}: need a readable {MANIFEST}, got {type(error).__name__}: {error}") from error
    if manifest.get("format") != FORMAT:
        raise DamagedCheckpoint(f"{folder}: need format {FORMAT}, got {manifest.get('format')}")
    for name, expected in files.items():
        path = folder / Path(name).name
        found = fingerprint(path) if path.is_file() else None
        if found != expected:
            raise DamagedCheckpoint(f"{path}: need {expected}, got {found or 'no file'}")


def latest(run: Path, warn: Callable[[str], None] = lambda message: None) -> Path | None:
    """The newest undamaged checkpoint of a run folder; tells `warn` of each damaged one that it passed over."""
    for folder in sorted(checkpoints(run), key=step, reverse=True):
        try:
            verify(folder)
        except DamagedCheckpoint as error:
            warn(str(error))
        else:
            return folder
    return None


def checkpoints(run: Path) -> list[Path]:
    """The checkpoint folders of a run, in no order."""
    return [path for path in (run / "checkpoints").glob("step-*") if re.fullmatch(r"step-\d+", path.name)]


def step(folder: Path) -> int:
    """The environment steps in a checkpoint folder's name."""
    return int(folder.name.removeprefix("step-"))


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
