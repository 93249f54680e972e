"""Files that are on the disk when we say so."""

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any


def write(path: Path, dump: Callable[[Any], Any]) -> None:
    """Writes a file and has the disk confirm it.

    Raises:
        OSError: where the disk refuses.
    """
    with path.open("wb") as file:
        try:
            dump(file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):  # `torch.save` hides what the disk had to say
                raise error.__context__ from None
            raise
        file.flush()
        os.fsync(file.fileno())


def swap(path: Path, text: str) -> None:
    """Writes a small text in one go: whoever reads it sees the old one or the new one, after a power cut too."""
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.unlink(missing_ok=True)  # somebody else's folder may have a link there
    write(temporary, lambda file: file.write(text.encode()))
    temporary.replace(path)
    flush_folder(path.parent)


def link(existing: Path, path: Path) -> bool:
    """Gives a file another name; False where the file system has no hard links."""
    try:
        os.link(existing, path)
    except OSError:
        return False
    return True


def copy(existing: Path, path: Path) -> None:
    """The same content in another file, confirmed by the disk."""
    with existing.open("rb") as source:
        write(path, lambda file: shutil.copyfileobj(source, file, 1 << 20))


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
