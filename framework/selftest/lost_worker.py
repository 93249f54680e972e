"""A drill on a collector's worker that is killed: the run ends with one message, and is resumed."""

import os
import signal
from pathlib import Path

from ..runs.difference import difference
from .drill import FAMILIES, Extent, Failed
from .fixture import small_recipe
from .killed_run import finish, last_words, left_alone, said, saved, start, the_run, wait_until

WORDS = ["experience.collector=processes", "experience.collector.workers=2", "experience.max_env_steps=400"]


def lost_worker(place: Path, extent: Extent) -> str:
    """One of two workers is killed after the first checkpoint; the long way the run is held against a whole one."""
    words = [small_recipe(FAMILIES[0], place), *WORDS]
    folder = place / "lost"
    process = start(["train", *words], folder)
    wait_until(lambda: saved(folder) > 0, process, folder)
    workers = started_by(process.pid)
    if len(workers) < 2:
        raise Failed(f"need two workers, found {len(workers)}")
    os.kill(workers[-1], signal.SIGKILL)
    finish(process, folder, expected=1)
    told = said(folder)
    if told.count("a worker ended by itself: it was killed, or ran out of memory") != 1 or "Traceback" in told:
        raise Failed(f"need one line that names the lost worker, got {told[-600:]}")
    if "failed; continue with: fulgurite resume" not in last_words(folder):
        raise Failed(f"no way back: {last_words(folder)}")
    if any(Path(f"/proc/{pid}").exists() for pid in workers):
        raise Failed("the other worker is left")
    run = the_run(folder)
    finish(start(["resume", run.relative_to(folder)], folder), folder)
    if not extent.long:
        return "one line names it, exit code 1, no process left; the run was resumed"
    whole, _ = left_alone(words, place / "whole")
    found = difference(whole, run)
    if found is not None:
        raise Failed(f"resumed, it differs in {found}")
    return "one line names it, exit code 1, no process left; resumed, the run ended identical"


def started_by(pid: int) -> list[int]:
    """The workers among the children of a process."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text():
                found.append(child)
    return sorted(found)
