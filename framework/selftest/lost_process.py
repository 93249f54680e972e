"""Drills on a process of a run that is killed by itself: the run ends with one message, and is resumed."""

import os
import signal
import subprocess
import time
from pathlib import Path

from ..runs.difference import difference
from .drill import FAMILIES, Extent, Failed
from .exactness import TWO
from .fixture import small_recipe
from .killed_run import POLL, finish, last_words, left_alone, said, saved, start, the_run, wait_until

WORKERS = ["experience.collector=processes", "experience.collector.workers=2", "experience.max_env_steps=400"]
LEAVES = 10.0  # seconds for the rank that is left


def lost_worker(place: Path, extent: Extent) -> str:
    """One of two workers is killed after the first checkpoint; the long way the run is held against a whole one."""
    words = [small_recipe(FAMILIES[0], place), *WORKERS]
    folder = place / "lost"
    process = begun(words, folder)
    workers = children(process.pid, "spawn_main")
    if len(workers) < 2:
        raise Failed(f"need two workers, found {len(workers)}")
    os.kill(workers[-1], signal.SIGKILL)
    finish(process, folder, expected=1)
    named(folder, "a worker ended by itself: it was killed, or ran out of memory")
    if any(Path(f"/proc/{pid}").exists() for pid in workers):
        raise Failed("the other worker is left")
    return f"one line names it, exit code 1, no process left; {resumed(words, folder, place, extent)}"


def lost_rank(place: Path, extent: Extent) -> str:
    """The second of two ranks is killed after the first checkpoint; the long way the first one in another run, too,
    and each run is held against a whole one."""
    words = [small_recipe(FAMILIES[0], place), *TWO]
    folder = place / "second"
    process = begun(words, folder)
    (rank,) = children(process.pid, "fulgurite")
    os.kill(rank, signal.SIGKILL)
    finish(process, folder, expected=1)
    named(folder, "was killed by signal 9; the run cannot go on")
    ended = f"the second: one line names it, exit code 1, no process left; {resumed(words, folder, place, extent)}"
    if not extent.long:
        return ended
    folder = place / "first"
    process = begun(words, folder)
    (rank,) = children(process.pid, "fulgurite")
    process.kill()
    process.wait()
    until = time.monotonic() + LEAVES
    while runs(rank):
        if time.monotonic() > until:
            raise Failed(f"the other rank is left, {LEAVES:.0f} s after the first was killed")
        time.sleep(POLL)
    return f"{ended}; the first: the other one leaves; {resumed(words, folder, place, extent)}"


def begun(words: list[str], folder: Path) -> subprocess.Popen[str]:
    """A run that has written a checkpoint."""
    process = start(["train", *words], folder)
    wait_until(lambda: saved(folder) > 0, process, folder)
    return process


def named(folder: Path, expected: str) -> None:
    """Holds what a run said at its end against what it should say: who was lost, once, and the way back.

    Raises:
        Failed: where it does not.
    """
    told = said(folder)
    if told.count(expected) != 1 or "Traceback" in told:
        raise Failed(f"need one line with '{expected}', got {told[-600:]}")
    if "failed; continue with: fulgurite resume" not in last_words(folder):
        raise Failed(f"no way back: {last_words(folder)}")


def resumed(words: list[str], folder: Path, place: Path, extent: Extent) -> str:
    """Resumes a run, the long way against a whole one.

    Raises:
        Failed: where it fails, or differs.
    """
    run = the_run(folder)
    finish(start(["resume", run.relative_to(folder)], folder), folder)
    if not extent.long:
        return "the run was resumed"
    if not (place / "whole").exists():
        left_alone(words, place / "whole")
    found = difference(the_run(place / "whole"), run)
    if found is not None:
        raise Failed(f"resumed, it differs in {found}")
    return "resumed, the run ended identical"


def children(pid: int, word: str) -> list[int]:
    """The children of a process that have a word in their command lines."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            if word in Path(f"/proc/{child}/cmdline").read_text():
                found.append(child)
    return sorted(found)


def runs(pid: int) -> bool:
    """Whether a process, not one that waits to be buried, is there."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
