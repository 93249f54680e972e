"""Drills on being asked to leave: a checkpoint within seconds, from whatever the run does, and nothing lost.

One run is asked in one phase after the other, by name, and resumed each time; the long way others are asked at random
moments, too. In the end each is what it would have been.
"""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ..cli.run_folder import completed
from ..runs.checkpoint import latest
from ..runs.difference import difference
from ..runs.live_folder import files_below
from .drill import ALONE, FAMILIES, Extent, Failed, Skipped
from .exactness import TWO
from .fixture import small_recipe
from .killed_run import finish, kill, last_words, said, start, the_run, wait_until
from .witness import MARKER, PHASES

LONGEST = 30.0  # seconds from the signal to the end
WATCHED = """
  evaluate: {every_env_steps: 60, interim_episodes: 1}
  video: {_target_: EpisodeVideo, every_env_steps: 60}
  plots: {_target_: Plots}
  witness: {_target_: fulgurite.selftest.witness.Witness}
"""
NOT_BEFORE = {"fit": 40, "collect": 60, "plan": 80, "evaluate": 100, "checkpoint": 130, "video": 150}
ON_TWO = ("evaluate",)  # the short way
OF_THE_FIRST = ("evaluate", "checkpoint", "video", "plots")  # what only the first of two processes does


def terminated(place: Path, extent: Extent) -> str:
    """SIGTERM in every phase of each of the given families, by default one; the long way at random moments, too."""
    return each(place, extent.families or FAMILIES[:1], PHASES, 20 if extent.long else 0, [])


def terminated_two_processes(place: Path, extent: Extent) -> str:
    """The same with two processes, of which the first is asked; the short way while it evaluates."""
    extra = [*TWO, "experience.max_env_steps=360"]  # a collection is one of each process: as many of them as alone
    names = [name for name in extent.families or FAMILIES[:1] if name not in ALONE]
    if not names:
        raise Skipped("these learn as they act, in one process")
    return each(place, names, PHASES if extent.long else ON_TWO, 10 if extent.long else 0, extra)


def each(place: Path, names: Sequence[str], phases: Sequence[str], stops: int, extra: list[str]) -> str:
    """What was seen of every family."""
    return "; ".join(f"{name}: {asked(name, place / name, phases, stops, extra)}" for name in names)


def asked(name: str, place: Path, phases: Sequence[str], stops: int, extra: list[str]) -> str:
    """Asks runs of a family to leave, goes on with them, and compares them with one that was left alone.

    Raises:
        Failed: for another exit code than 143, more than 30 s, no checkpoint, no way back, or anything that differs.
    """
    recipe = Path(small_recipe(name, place))
    head, callbacks, rest = recipe.read_text().partition("callbacks:")
    kept = [line for line in rest.splitlines() if not line.startswith(("  video:", "  plots:"))]
    recipe.write_text(head + callbacks + WATCHED.rstrip() + "\n".join(kept) + "\n")
    words = [str(recipe), *extra]
    finish(start(["train", *words], place / "whole"), place / "whole")
    whole = the_run(place / "whole")
    took = {}
    folder = place / "phases"
    command: Sequence[str | Path] = ["train", *words]
    for phase in phases:
        took[phase] = left_in_phase(command, folder, phase, 2 if TWO[0] in extra and phase not in OF_THE_FIRST else 1)
        command = ["resume", the_run(folder).relative_to(folder)]
    finish(start([*command, "callbacks.witness.phase=null"], folder), folder)
    compared(whole, the_run(folder), f"asked in {', '.join(phases)}")
    told = f"asked in {', '.join(f'{phase} ({seconds:.1f} s)' for phase, seconds in took.items())}"
    if stops:
        at_random = at_random_moments(words, place, whole, stops)
        told += f", and {stops} at random moments (at most {max(at_random):.1f} s)"
        took["random"] = max(at_random)
    return f"{told}: each left a checkpoint and ended identical; the slowest took {max(took.values()):.1f} s"


def compared(whole: Path, run: Path, how: str) -> None:
    """Raises `Failed` where the run is not what it would have been."""
    found = difference(whole, run, in_order=False)
    if found is not None:
        raise Failed(f"{how}: differs in {found}")


def left_in_phase(command: Sequence[str | Path], folder: Path, phase: str, ranks: int) -> float:
    """Seconds that a run takes to leave when it is asked within a phase.

    Raises:
        Failed: see `asked`.
    """
    markers = partial(files_below, folder / "runs", MARKER.format("*"))
    for old in markers():
        old.unlink()
    words = [f"callbacks.witness.phase={phase}", f"callbacks.witness.not_before={NOT_BEFORE.get(phase, 0)}"]
    process = start([*command, *words], folder)
    try:
        wait_until(lambda: len(markers()) >= ranks, process, folder, phase)
        return left(process, folder, phase)
    finally:
        kill(process)


def at_random_moments(words: list[str], place: Path, whole: Path, stops: int) -> list[float]:
    """Seconds that so many runs took to leave; each was resumed, and ended as it would have.

    Raises:
        Failed: see `asked`.
    """
    seconds = json.loads((whole / "result.json").read_text())["wall_seconds"]
    chance, took, tries = random.Random(0), list[float](), 0
    while len(took) < stops:
        tries += 1
        folder = place / f"asked{tries}"
        process = start(["train", *words], folder)
        wait_until(lambda folder=folder: "ready after" in said(folder), process, folder)  # type: ignore[misc]
        time.sleep(seconds * chance.random())
        if process.poll() is not None:
            if tries >= 4 * stops:
                raise Failed(f"of {tries} runs only {len(took)} were asked before they had ended")
            continue
        took.append(left(process, folder, "a random moment"))
        run = the_run(folder)
        finish(start(["resume", run.relative_to(folder)], folder), folder)
        compared(whole, run, f"stop {len(took)} of {stops}")
    return took


def left(process: subprocess.Popen[str], folder: Path, where: str) -> float:
    """Seconds from SIGTERM to the end.

    Raises:
        Failed: see `asked`.
    """
    before = said(folder).count("continue with: fulgurite resume")
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    try:
        code = process.wait(LONGEST)
    except subprocess.TimeoutExpired as error:
        raise Failed(f"asked in {where}: still there after {LONGEST:.0f} s: {last_words(folder)}") from error
    finally:
        kill(process)
    took = time.monotonic() - began
    run = the_run(folder)
    if code in (0, -signal.SIGTERM) and completed(run):  # the signal came when all was done, or Python was leaving
        return took
    if code != 143 or said(folder).count("continue with: fulgurite resume") != before + 1:
        raise Failed(f"asked in {where}: exit code {code}, expected 143 and the way back: {last_words(folder)}")
    damaged: list[str] = []
    if latest(run, damaged.append) is None or damaged:
        raise Failed(f"asked in {where}: no whole checkpoint: {damaged}")
    return took
