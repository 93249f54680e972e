"""The folder of a run: `<runs>/<recipe>/<start>-seed<k>/`, where its recipe is written before anything else."""

from __future__ import annotations

import json
import os
import shlex
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..recipe import Composed, to_yaml
from ..recipe_files import RUN_RECIPE, RUN_REPORT, runs_below
from ..runs.durable import swap
from ..runs.live_folder import files_below
from ..runs.owner import LOCK, OWNER
from .output import Usage, further_rank, number, say, table

SHARED, SHARED_CHECKPOINT = "FULGURITE_RUN", "FULGURITE_CHECKPOINT"


def create(runs: Path, composed: Composed, start: str, seed: int) -> Path:
    """A new folder with `recipe.yaml` in it; two runs that start in one second get different ones."""
    base = runs / composed.file.name
    folder = base / f"{start}-seed{seed}"
    tries = 1
    while folder.exists():
        tries += 1
        folder = base / f"{start}-{tries}-seed{seed}"
    try:
        folder.mkdir(parents=True)
        write_recipe(folder, composed)
    except OSError as error:
        raise Usage(f"{folder}: cannot be written: {error.strerror}") from error
    return folder


def join() -> tuple[Path, Path | None] | None:
    """The folder and the checkpoint, if any, of the run that this process shall take part in as a further rank.

    None for the first one. Lightning starts the command once more for each further device, and says so by `LOCAL_RANK`.
    """
    if not further_rank() or SHARED not in os.environ:
        return None
    checkpoint = os.environ[SHARED_CHECKPOINT]
    return Path(os.environ[SHARED]), Path(checkpoint) if checkpoint else None


def share(folder: Path, checkpoint: Path | None) -> None:
    """Lets processes that are started from here `join` the run, from the same checkpoint."""
    os.environ[SHARED] = str(folder.absolute())
    os.environ[SHARED_CHECKPOINT] = "" if checkpoint is None else str(checkpoint.absolute())


def write_recipe(folder: Path, composed: Composed) -> None:
    """Writes `recipe.yaml`."""
    swap(folder / RUN_RECIPE, to_yaml(composed))


@contextmanager
def to_itself(folder: Path) -> Iterator[None]:
    """Has the run to itself, so that no other process writes into its folder. The system lets go when we end, however.

    Raises:
        Usage: where another process has it, named, where the folder cannot be written, and for `no_links_out`.
    """
    if further_rank():  # the first one has it for all of them
        yield
        return
    no_links_out(folder)
    from filelock import FileLock, Timeout

    lock, owner = FileLock(folder / LOCK, timeout=0), folder / OWNER
    try:
        lock.acquire()
        owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
    except Timeout as error:
        who = owner.read_text() if owner.is_file() else "another process"
        raise Usage(f"{folder}: is in use by {who}; a run can be continued when that has ended") from error
    except OSError as error:
        raise Usage(f"{folder}: cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def no_links_out(folder: Path) -> None:
    """To be called before files of a run are written: whoever made the folder could have them lead to other files.

    Raises:
        Usage: for a link to a file outside, be it there or not. A folder may lie on another disk.
    """
    links = [path for path in files_below(folder, "*") if path.is_symlink()]
    for path in links:
        inside = Path(os.path.realpath(path)).is_relative_to(folder.resolve())
        logs = path.match("wandb/*/logs/*")  # W&B links those of each of its runs, and makes a new folder for the next
        if not inside and not logs:
            raise Usage(f"{path}: expected a file, got a link to {path.readlink()}, which a run would overwrite")


def drop_if_empty(folder: Path) -> None:
    """Removes the folder of a run that could not be built: nothing but its recipe is in it."""
    found = {path.name for path in folder.iterdir()}
    if found <= {RUN_RECIPE, LOCK, OWNER}:
        for name in found:
            (folder / name).unlink()
        folder.rmdir()


def checkpoints(folder: Path) -> set[tuple[str, int]]:
    """The names of a run's checkpoints, and when they were written."""
    return {(path.name, path.stat().st_mtime_ns) for path in (folder / "checkpoints").glob("step-*")}


def completed(folder: Path) -> bool:
    """Whether the run has made all its steps."""
    path = folder / "result.json"
    return path.is_file() and json.loads(path.read_text())["status"] == "completed"


def existing(name: str) -> Path:
    """The folder of a run that a command names, by itself or by its `recipe.yaml`."""
    folder = Path(name)
    folder = folder.parent if folder.name == RUN_RECIPE else folder
    if not (folder / RUN_RECIPE).is_file():
        raise Usage(f"{name}: expected the folder of a run, with a {RUN_RECIPE} in it{runs_below(name)}")
    return folder


def start_time() -> str:
    """Now, as the names of run folders say it."""
    return time.strftime("%Y%m%d-%H%M%S")


def resume_command(folder: Path) -> str:
    """What continues the run."""
    return f"fulgurite resume {shlex.quote(str(folder))}"


def report(folder: Path, result: dict[str, Any]) -> None:
    """Prints how a run ended, and where its pictures are."""
    final, best = result.get("final", {}), result.get("best", {})
    rows: list[Sequence[str]] = [("status", str(result.get("status")))]
    rows += [
        (name.replace("_", " "), number(result.get(name))) for name in ("env_steps", "gradient_steps", "wall_seconds")
    ]
    if "eval/return_mean" in final:
        spread = f"{number(final['eval/return_mean'])} +- {number(final.get('eval/return_std'))}"
        rows.append(("final return", f"{spread} over {number(final.get('eval/episodes'))} episodes"))
        rows.append(
            ("best return", f"{number(best.get('eval/return_mean'))} at {number(best.get('env_steps'))} env steps")
        )
    table(rows)
    if (folder / RUN_REPORT).is_file():
        say(f"{folder / RUN_REPORT}  (open it in a browser)")
    pictures = [path for part in ("plots", "videos") for path in sorted((folder / part).glob("*")) if path.is_file()]
    for path in pictures[-12:]:
        say(str(path))
