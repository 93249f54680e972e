"""Where a large buffer lies: in memory, or in a file that is mapped into memory; and whether there is room for it.

    on disk  where  it takes more than half of the free memory,  unless the recipe says

The file has no name as soon as it is open, so it goes with the process, however that ends. Its room is taken from the
disk at once: a full disk is one clear error then, and not the end of a process that writes into its memory.
"""

import math
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

MOST = 0.9  # of the free memory may be taken
LITTLE = 0.5  # of the free memory is taken without asking for a disk


def in_words(size: int) -> str:
    """Bytes, as people say them."""
    return f"{size / 1e9:.3g} GB" if size >= 5e7 else f"{size / 1e6:.3g} MB"


def free_memory() -> int:
    """Bytes that this process may still take: of the machine, and of the group that it runs in (a job, a container)."""
    try:
        lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError):
        free = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    group = Path("/sys/fs/cgroup")
    try:
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        return min(free, limit - used + int(stat["inactive_file"]))
    except (OSError, KeyError, ValueError):  # no group, or one without a limit
        return free


def free_disk(folder: Path) -> int:
    """Bytes that may still be written into a folder."""
    return shutil.disk_usage(folder).free


def choose(need: int, on_disk: bool | str | Path | None, run: Path, saved: int = 0) -> Path | None:
    """The folder for the file of a buffer, or None where it lies in memory.

    Args:
        need: bytes of the full buffer, of all processes on this machine.
        on_disk: whether it shall be in the run's folder, or in which other folder; None: by its size.
        run: the run's folder.
        saved: bytes that checkpoints in the run's folder will hold beside it.

    Raises:
        ValueError: where there is no room for it, or no such folder.
    """
    folder = Path(on_disk).expanduser() if isinstance(on_disk, str | Path) else run
    if not folder.is_dir():
        raise ValueError(f"on_disk: need a folder that is there, got {folder}")
    memory = free_memory()
    one_disk = folder.stat().st_dev == run.stat().st_dev
    fits_disk = need + (saved if one_disk else 0) <= free_disk(folder)
    fits_memory = need <= MOST * memory
    by_size = need > LITTLE * memory and (fits_disk or not fits_memory)
    there = by_size if on_disk is None else on_disk is not False
    if there and not fits_disk:
        also = f" and {in_words(saved)} in checkpoints" if one_disk and saved else ""
        raise ValueError(
            f"the replay buffer: need {in_words(need)}{also} on the disk of {folder}, "
            f"{in_words(free_disk(folder))} are free, and {in_words(memory)} of memory: lower `capacity`, or name "
            "another folder in `on_disk`"
        )
    if not there and not fits_memory:
        raise ValueError(
            f"the replay buffer: need {in_words(need)} of memory, {in_words(memory)} are free: lower `capacity`, "
            "or set `on_disk`"
        )
    if saved > free_disk(run):
        raise ValueError(
            f"checkpoints: need {in_words(saved)} for the replay buffer on the disk of {run}, "
            f"{in_words(free_disk(run))} are free: lower `capacity`"
        )
    return folder if there else None


def allocate(shape: Sequence[int], dtype: torch.dtype, folder: Path | None) -> Tensor:
    """A tensor whose numbers mean nothing yet, in memory or in a file of its own in a folder.

    Raises:
        OSError: for a disk without room.
    """
    if folder is None:
        return torch.empty(*shape, dtype=dtype)
    count = math.prod(shape)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".frames-") as file:
        os.posix_fallocate(file.fileno(), 0, count * dtype.itemsize)
        return torch.from_file(file.name, shared=True, size=count, dtype=dtype).view(*shape)
