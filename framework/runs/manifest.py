"""What a checkpoint's manifest says of its files, and whether they are as it says.

{"format": 3, "files": {"checkpoint.pt": {"bytes": ..., "sha256": ...}, ...}}
"""

import json
from pathlib import Path
from typing import Any

from .checkpoint_content import WrongCheckpoint
from .durable import fingerprint

PAYLOAD = "checkpoint.pt"
MANIFEST = "MANIFEST.json"
FORMAT = 3
MANIFEST_BYTES = 16 << 20  # at most


class DamagedCheckpoint(WrongCheckpoint):
    """A checkpoint folder whose content is not what its manifest says."""


def verify(folder: Path) -> dict[str, Any]:
    """The files of a manifest, if every one of them is as it says.

    Raises:
        DamagedCheckpoint: naming the first that is not.
    """
    files = manifest(folder)
    for name, expected in files.items():
        path = folder / name
        try:
            found = fingerprint(path) if is_plain(path) and _size(expected) == path.stat().st_size else None
            what = found or _what(path)
        except OSError as error:
            raise DamagedCheckpoint(_unreadable(path, error)) from error
        if found != expected:
            raise DamagedCheckpoint(f"{path}: need {str(expected)[:200]}, got {what}")
    return files


def manifest(folder: Path) -> dict[str, Any]:
    """The files of a checkpoint folder with their fingerprints, as its manifest says.

    Raises:
        DamagedCheckpoint: for a manifest that cannot be read, of another format, or that names no files of the folder.
    """
    path = folder / MANIFEST
    try:
        if not is_plain(path) or path.stat().st_size > MANIFEST_BYTES:
            raise DamagedCheckpoint(f"{path}: need a file of at most {MANIFEST_BYTES >> 20} MiB, got {_what(path)}")
        said = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedCheckpoint(_unreadable(path, error)) from error
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
    """What lies in a checkpoint folder beside the files of its manifest; nobody reads it.

    Raises:
        DamagedCheckpoint: for a folder that cannot be read.
    """
    try:
        found = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise DamagedCheckpoint(_unreadable(folder, error)) from error
    return sorted(found - {MANIFEST, *manifest(folder)})


def is_whole(folder: Path) -> bool:
    """Whether `verify` has nothing against it."""
    try:
        verify(folder)
    except DamagedCheckpoint:
        return False
    return True


def named_files(folder: Path) -> dict[str, Any]:
    """What a manifest names; nothing where it is gone or damaged."""
    try:
        files = manifest(folder)
    except DamagedCheckpoint:
        return {}
    return {name: file for name, file in files.items() if isinstance(_size(file), int)}


def is_plain(path: Path) -> bool:
    """Whether it is a file itself: no link out of the folder, no pipe, no device."""
    return path.is_file() and not path.is_symlink()


def _size(expected: Any) -> Any:
    return expected.get("bytes") if isinstance(expected, dict) else None


def _unreadable(path: Path, error: Exception) -> str:
    return f"{path}: cannot be read: {type(error).__name__}: {error}"


def _what(path: Path) -> str:
    if path.is_symlink():
        return "a link"
    if not path.exists():
        return "no file"
    return f"{path.stat().st_size} bytes" if path.is_file() else "no plain file"
