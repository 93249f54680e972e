"""A drill on what a long run leaves behind in its process: memory, open files, threads, and folders on the disk."""

import os
import time
from pathlib import Path

from ..runs.checkpoint import checkpoints
from .drill import Extent, Failed, Skipped
from .fixture import small_recipe
from .killed_run import finish, kill, saved, start, the_run, wait_until

SECONDS = {True: 1800.0, False: 30.0}  # the long way and the short
SETTLED = 0.2  # of that time passes before memory is first looked at
GROWTH = {True: 0.02, False: 0.05}  # of memory, at most
BUFFER = ["experience.capacity=500", "experience.max_env_steps=100000000", "experience.schedule.first_updates=20"]


def soak(place: Path, extent: Extent) -> str:
    """A run that goes on for half an hour with a buffer that is soon full."""
    if not Path("/proc/self/status").exists():
        raise Skipped("needs /proc to look into another process")
    process = start(["train", small_recipe("pets/cartpole", place), *BUFFER], place)
    try:
        wait_until(lambda: saved(place) > 1, process, place)
        time.sleep(SETTLED * SECONDS[extent.long])
        before = measured(process.pid)
        time.sleep((1 - SETTLED) * SECONDS[extent.long])
        if process.poll() is not None:
            finish(process, place)
            raise Failed("it ended too early")
        after = measured(process.pid)
    finally:
        kill(process)
    run = the_run(place)
    growth = after["memory"] / before["memory"] - 1
    kept = len(checkpoints(run))
    said = (
        f"{SECONDS[extent.long] / 60:.1f} minutes: memory {growth:+.1%} of {before['memory'] / 1e6:.0f} MB, "
        f"open files {before['files']} to {after['files']}, threads {before['threads']} to {after['threads']}, "
        f"{kept} checkpoints"
    )
    if (
        growth > GROWTH[extent.long]
        or after["files"] > before["files"] + 2
        or after["threads"] > before["threads"]
        or kept > 4
    ):
        raise Failed(said)
    return said


def measured(pid: int) -> dict[str, int]:
    """Resident memory in bytes, open files and threads of a process."""
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return {
        "memory": int(lines["VmRSS"].split()[0]) * 1024,
        "files": len(os.listdir(f"/proc/{pid}/fd")),
        "threads": int(lines["Threads"]),
    }
