"""A drill on where and when a run is made: a folder that cannot be written, a second process, a clock that goes back.

Each is answered by one clear error, or does not matter.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..runs import metrics
from ..runs.checkpoint import checkpoints, latest, step
from ..runs.difference import difference
from .drill import FAMILIES, Extent, Failed, Skipped
from .fixture import small_recipe
from .killed_run import finish, kill, saved, start, the_run, wait_until

LONG = "experience.max_env_steps=100000000"
BACKWARDS = """
import time
now, began = time.time, time.monotonic()
def back():
    passed = time.monotonic() - began
    return now() - 86_400 - (3600 if passed > 8 else 0)
strftime = time.strftime
time.time = back
time.strftime = lambda form, when=None: strftime(form, time.localtime(back()) if when is None else when)
"""  # a day ago, and after eight seconds, an hour before that


def places(place: Path, extent: Extent) -> str:
    """Two processes on a run, folders that cannot be written, and a run whose clock goes back."""
    recipe = small_recipe(FAMILIES[0], place)
    ordinary = start(["train", recipe], place / "whole")
    backwards(recipe, place)
    finish(ordinary, place / "whole")
    one_clock(place)
    second_process(recipe, place / "second")
    try:
        unwritable(recipe, place)
        told = "folders that cannot be written are named in one line"
    except Skipped as reason:
        told = f"folders that cannot be written were left out: {reason}"
    return (
        "a second process on a run is refused and names the first, a killed first leaves no lock; "
        f"{told}; a clock that goes back changes nothing"
    )


def backwards(recipe: str, place: Path) -> None:
    """A run from start to end by a clock that goes back, which is killed and resumed on the way."""
    fake = place / "fake"
    fake.mkdir()
    (fake / "sitecustomize.py").write_text(BACKWARDS)
    path = os.pathsep.join([str(fake), *filter(None, [os.environ.get("PYTHONPATH")])])
    folder = place / "back"
    process = start(["train", recipe], folder, {"PYTHONPATH": path})
    wait_until(lambda: saved(folder) > 1, process, folder)
    kill(process)
    run = the_run(folder)
    newest = max(checkpoints(run), key=step)
    for older in checkpoints(run):
        if older != newest:
            os.utime(older, (4e9, 4e9))  # as if it had been written in the year 2096
    if latest(run) != newest:
        raise Failed(f"{latest(run)} was taken for the newest checkpoint, it is {newest}")
    finish(start(["resume", run.relative_to(folder)], folder, {"PYTHONPATH": path}), folder)


def one_clock(place: Path) -> None:
    """Raises `Failed` where the run by that clock is another one than that by the right one."""
    run = the_run(place / "back")
    found = difference(the_run(place / "whole"), run)
    if found is not None:
        raise Failed(f"by a clock that goes back, the run differs in {found}")
    seconds = [row["wall_seconds"] for row in metrics.read(run)]
    if seconds != sorted(seconds) or seconds[0] < 0:
        raise Failed(f"by a clock that goes back, wall_seconds go {seconds}")


def second_process(recipe: str, folder: Path) -> None:
    """Another process resumes a run that is under way; then the first is killed, and it may."""
    first = start(["train", recipe, LONG], folder)
    try:
        wait_until(lambda: saved(folder) > 0, first, folder)
        run = the_run(folder)
        refused(["resume", str(run)], folder, f"is in use by process {first.pid} on ")
        if first.poll() is not None:
            raise Failed("the first process did not outlive the second")
    finally:
        kill(first)
    steps = f"experience.max_env_steps={step(latest(run) or run)[0] + 40}"
    finish(start(["resume", run.relative_to(folder), steps], folder), folder)


def unwritable(recipe: str, place: Path) -> None:
    """Neither is a run begun in a folder that cannot be written, nor one in it resumed.

    Raises:
        Skipped: where this user can write anywhere, and may not mount a file system that nobody can write.
    """
    folder = place / "unwritable"
    folder.mkdir()
    with read_only(folder, place / "whole" / "runs"):
        refused(["train", recipe, "--runs", str(folder)], place, "cannot be written")
        (run,) = (found.parent for found in folder.glob("**/recipe.yaml"))
        refused(["resume", str(run), LONG], place, f"{run}: cannot be written")


@contextmanager
def read_only(folder: Path, content: Path) -> Iterator[None]:
    """Shows a folder's content in another, where nothing can be written."""
    if os.geteuid() == 0:  # whom no mode of a folder keeps out
        mounts = (["--bind", str(content), str(folder)], ["-o", "remount,bind,ro", str(folder)])
        try:
            for words in mounts:
                done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
                if done.returncode:
                    raise Skipped(f"no folder could be mounted: {done.stderr.strip()}")
            yield
        finally:
            subprocess.run(["umount", "-l", str(folder)], capture_output=True, check=False)
        return
    shutil.copytree(content, folder, dirs_exist_ok=True)
    inside = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    try:
        for path in inside:
            path.chmod(0o555)
        yield
    finally:
        for path in inside:
            path.chmod(0o755)


def refused(words: list[str], place: Path, reason: str) -> None:
    """Raises `Failed` unless a command ends with code 2 and one line of error that holds the reason."""
    done = subprocess.run(
        [sys.executable, "-m", "fulgurite", *words], cwd=place, capture_output=True, text=True, check=False
    )
    if done.returncode != 2 or reason not in done.stderr or len(done.stderr.splitlines()) != 1:
        raise Failed(f"{words[0]}: expected code 2 and one line with {reason!r}, got {done.returncode}: {done.stderr}")
