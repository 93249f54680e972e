"""A run that is killed in the middle and resumed, held against one that was left alone."""

import atexit
import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..runs import metrics
from ..runs.checkpoint import checkpoints
from ..runs.live_folder import files_below
from .drill import Failed

PATIENCE = 3600.0  # seconds for a run to end
POLL = 0.02  # seconds
STARTED: list[subprocess.Popen[str]] = []


def start(
    words: Sequence[str | Path], folder: Path, variables: Mapping[str, str | None] | None = None
) -> subprocess.Popen[str]:
    """A `fulgurite` command in a process group of its own, working in a folder, its words into `output.txt` there.

    Args:
        words: the verb and what follows it.
        folder: made if need be.
        variables: of its environment, beside ours; None takes one of ours away.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not STARTED:
        atexit.register(kill_all)
    with (folder / "output.txt").open("a") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "fulgurite", *map(str, words)],
            cwd=folder,
            stdout=output,
            stderr=output,
            text=True,
            env={key: value for key, value in {**os.environ, **(variables or {})}.items() if value is not None},
            start_new_session=True,
        )
    STARTED.append(process)
    return process


def finish(process: subprocess.Popen[str], folder: Path, expected: int = 0, patience: float = PATIENCE) -> None:
    """Waits for a command.

    Raises:
        Failed: where it ends with another code than expected, or not in time.
    """
    try:
        code = process.wait(patience)
    except subprocess.TimeoutExpired:
        kill(process)
        raise Failed(f"no end within {patience:.0f} s: {last_words(folder)}") from None
    finally:
        kill(process)
    if code != expected:
        raise Failed(f"exit code {code}, expected {expected}: {last_words(folder)}")


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def said(folder: Path) -> str:
    """All that the commands in a folder said."""
    return (folder / "output.txt").read_text()


def kill_all() -> None:
    """What a drill that was broken off leaves."""
    for process in STARTED:
        if process.poll() is None:
            kill(process)


def last_words(folder: Path) -> str:
    """The end of it."""
    return " | ".join(said(folder).splitlines()[-4:])


def wait_until(
    reached: Callable[[], bool], process: subprocess.Popen[str], folder: Path, what: str = "what was waited for"
) -> None:
    """Waits while the process lasts, for something that has a name.

    Raises:
        Failed: where it ends before.
    """
    while not reached():
        if process.poll() is not None and not reached():
            raise Failed(f"ended too early, before {what}, with {process.returncode}: {last_words(folder)}")
        time.sleep(POLL)


def run_folder(folder: Path) -> Path | None:
    """The folder of the one run that was started in a folder."""
    found = files_below(folder / "runs", "recipe.yaml")
    return found[0].parent if found else None


def the_run(folder: Path) -> Path:
    """The same, of a run that has begun.

    Raises:
        Failed: where there is none.
    """
    run = run_folder(folder)
    if run is None:
        raise Failed(f"no run began: {last_words(folder)}")
    return run


def left_alone(words: Sequence[str], folder: Path) -> tuple[Path, float]:
    """A run from start to end: its folder, and the seconds from its first checkpoint to its end.

    Raises:
        Failed: where it fails.
    """
    process = start(["train", *words], folder)
    wait_until(lambda: saved(folder) > 0, process, folder)
    began = time.monotonic()
    finish(process, folder)
    return the_run(folder), time.monotonic() - began


def killed_and_resumed(words: Sequence[str], folder: Path, seconds: float, chance: random.Random) -> tuple[Path, str]:
    """A run that is killed so many seconds, at random, after its first checkpoint, and resumed: its folder, and where
    it was killed.

    Raises:
        Failed: where a command fails.
    """
    process = start(["train", *words], folder)
    wait_until(lambda: saved(folder) > 0, process, folder)
    time.sleep(seconds * chance.random())
    kill(process)
    run = the_run(folder)
    last = (metrics.read(run) or [{"env_steps": 0, "gradient_steps": 0}])[-1]
    where = f"{last['env_steps']} environment and {last['gradient_steps']} gradient steps"
    finish(start(["resume", run.relative_to(folder)], folder), folder)
    return run, where


def saved(folder: Path) -> int:
    """How many checkpoints there are."""
    run = run_folder(folder)
    return 0 if run is None else len(checkpoints(run))
