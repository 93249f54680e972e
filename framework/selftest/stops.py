"""Drills on being asked to leave: a checkpoint within seconds, from whatever the run does, and nothing lost."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

from ..cli.run_folder import completed
from ..runs.difference import difference
from .drill import Failed
from .exactness import FAMILIES, TWO
from .fixture import small_recipe
from .killed_run import finish, kill, last_words, run_folder, start, wait_until

LONGEST = 30.0  # seconds from the signal to the end


def terminated(place: Path, long: bool) -> str:
    """SIGTERM at random moments from the first step on."""
    return asked(place, 20 if long else 2, [])


def terminated_two_processes(place: Path, long: bool) -> str:
    """The same with two processes, of which the first is asked."""
    return asked(place, 10 if long else 1, TWO)


def asked(place: Path, stops: int, extra: list[str]) -> str:
    """Asks so many runs to leave, goes on with them, and compares them with one that was left alone.

    Raises:
        Failed: for another exit code than 143, more than 30 s, no way back, or anything that differs.
    """
    words = [small_recipe(FAMILIES[0], place), *extra]
    finish(start(["train", *words], place / "whole"), place / "whole")
    whole = run_folder(place / "whole")
    assert whole is not None
    seconds = json.loads((whole / "result.json").read_text())["wall_seconds"]
    chance, took, tries = random.Random(0), list[float](), 0
    while len(took) < stops:
        tries += 1
        folder = place / f"asked{tries}"
        left = left_in(words, folder, seconds * chance.random())
        run = run_folder(folder)
        assert run is not None
        if left is None and tries < 4 * stops:
            continue
        if left is None:
            raise Failed(f"of {tries} runs only {len(took)} were asked before they had ended")
        took.append(left)
        finish(start(["resume", run.relative_to(folder)], folder), folder)
        found = difference(whole, run, in_order=False)
        if found is not None:
            raise Failed(f"stop {len(took)} of {stops}: differs in {found}")
    return f"{stops} of {stops} left a checkpoint and ended identical; the slowest took {max(took):.1f} s"


def left_in(words: list[str], folder: Path, after: float) -> float | None:
    """Seconds that a run takes to leave when it is asked so long after it began; None if it had ended by then.

    Raises:
        Failed: see `asked`.
    """
    process = start(["train", *words], folder)
    wait_until(lambda: ready(folder), process, folder)
    time.sleep(after)
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    try:
        code = process.wait(LONGEST)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"still there after {LONGEST:.0f} s: {last_words(folder)}") from error
    finally:
        kill(process)
    run = run_folder(folder)
    if run is not None and completed(run):
        return None
    if code != 143 or "continue with: fulgurite resume" not in last_words(folder):
        raise Failed(f"exit code {code}, expected 143 and the way back: {last_words(folder)}")
    return time.monotonic() - began


def ready(folder: Path) -> bool:
    """Whether everything is built, and the run begins."""
    return "ready after" in (folder / "output.txt").read_text()
