"""What lies below a folder in which runs may be going on."""

import fnmatch
import os
from pathlib import Path


def files_below(folder: Path, name: str) -> list[Path]:
    """The files (and links that lead to no folder) whose names match a pattern, sorted; none where there is no folder.

    Folders that are renamed or removed meanwhile, as a checkpoint that is being written, are passed over, where
    `Path.rglob` would raise `FileNotFoundError`.
    """
    return sorted(Path(top, found) for top, _, names in os.walk(folder) for found in fnmatch.filter(names, name))
