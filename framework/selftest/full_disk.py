"""A drill on a disk that fills up while a run writes to it."""

import os
import subprocess
from pathlib import Path

from ..runs import metrics
from ..runs.checkpoint import latest, step
from .drill import Extent, Failed, Skipped
from .fixture import small_recipe
from .killed_run import finish, said, saved, start, the_run, wait_until

SIZE = 20  # MB
CHECKPOINTS = "experience.max_env_steps=400"


def full_disk(place: Path, extent: Extent) -> str:
    """A run on a disk of 20 MB, which is filled after its first checkpoint, and emptied again or not."""
    disk = place / "disk"
    disk.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        raise Skipped("needs to be root, to mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SIZE}m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        raise Skipped(f"no disk could be mounted: {mounted.stderr.strip()}")
    try:
        emptied(on_disk(disk, place / "emptied"))
        stays_full(on_disk(disk, place / "full"))
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
    return "training went on, the checkpoints before stayed whole; emptied again, it ended as if nothing had been"


def on_disk(disk: Path, folder: Path) -> Path:
    """A folder whose runs, and nothing else, are on the disk."""
    folder.mkdir()
    (disk / folder.name).mkdir()
    (folder / "runs").symlink_to(disk / folder.name)
    return folder


def fill(folder: Path) -> Path:
    """A file that takes all room that is left."""
    filler = folder / "runs" / "filler"
    with filler.open("wb") as file:
        try:
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        except OSError:
            pass
    return filler


def full(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A run whose disk is full after its first checkpoint."""
    process = start(["train", small_recipe("pets/cartpole", folder), CHECKPOINTS], folder)
    wait_until(lambda: saved(folder) > 0, process, folder)
    return process, fill(folder)


def emptied(folder: Path) -> None:
    """Room comes back: the run ends as if nothing had been."""
    process, filler = full(folder)
    wait_until(lambda: "training goes on without" in said(folder), process, folder, "a checkpoint was refused")
    filler.unlink()
    finish(process, folder)
    run = the_run(folder)
    newest = latest(run)
    if newest is None or step(newest)[0] != 400 or metrics.read(run)[-1]["env_steps"] != 400:
        raise Failed(f"after room came back the newest checkpoint is {newest}")


def stays_full(folder: Path) -> None:
    """It does not: the run trains to its end, says that it could not be saved, and leaves what was there before."""
    process, filler = full(folder)
    finish(process, folder, expected=1)
    filler.unlink()
    run = the_run(folder)
    told = said(folder)
    if latest(run) is None:
        raise Failed("the checkpoint before is lost")
    if "no checkpoint could be written at the end of the run" not in told:
        raise Failed(f"it does not say that it could not be saved: {told[-300:]}")
