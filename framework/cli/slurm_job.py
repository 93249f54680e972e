"""Inside a SLURM job: which task of it this is, what run it is at work on, and how it comes back after a stop.

A requeued job starts from its first line again. A run that `fulgurite train` began in it is therefore noted beside the
run folders, by the job's id and the command's words; started again, the same command goes on with that run. The tasks
that `srun` starts are the ranks of one run: the first one makes the folder, the others read the note.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from ..recipe_files import RUN_RECIPE
from ..runs.durable import swap
from .output import Usage, complain

PATIENCE = 120.0  # seconds for the first task's note to be seen on another node
FRUITLESS = 3  # restarts after which a job that gets no further is given up


class Job(NamedTuple):
    """`id` is what `scontrol` calls the job; `step` the number of its `srun`, empty in the batch script itself."""

    id: str
    step: str
    task: int
    restarts: int


def current() -> Job | None:
    """The job that this process is a task of.

    An element of an array is called `<array>_<element>`: its own number can be the whole array's.
    """
    told = os.environ
    if "SLURM_JOB_ID" not in told:
        return None
    id = told["SLURM_JOB_ID"]
    if "SLURM_ARRAY_JOB_ID" in told:
        id = f"{told['SLURM_ARRAY_JOB_ID']}_{told['SLURM_ARRAY_TASK_ID']}"
    task, restarts = told.get("SLURM_PROCID", "0"), told.get("SLURM_RESTART_COUNT", "0")
    return Job(id, told.get("SLURM_STEP_ID", ""), int(task), int(restarts))


def requeue(job: Job, command: str, progress: bool) -> None:
    """Has SLURM start the job again, unless that has not helped before. The last thing that a run does: SLURM ends it.

    Args:
        job: this one.
        command: what continues the run by hand.
        progress: whether this start of the job wrote a checkpoint.
    """
    if job.restarts >= FRUITLESS and not progress:
        complain(
            f"job {job.id} was started {job.restarts + 1} times and this time wrote no checkpoint, so it is not "
            f"requeued: it needs more time (--slurm time=...); continue with: {command}"
        )
        return
    try:
        subprocess.run(["scontrol", "requeue", job.id], check=True, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
        complain(f"job {job.id} could not be requeued ({' '.join(said.split())}); continue with: {command}")
    else:
        complain(f"job {job.id} is requeued and goes on from the newest checkpoint")


def run_of(job: Job, beside: Path, words: Sequence[str], create: Callable[[], Path]) -> Path:
    """The folder of the run that this command is at work on in this job.

    Args:
        job: this one.
        beside: the folder in which notes are kept.
        words: what tells this command from others in the same job.
        create: makes the folder.
    """
    digest = hashlib.sha256("\0".join([job.step, *words]).encode()).hexdigest()[:8]
    note = beside / f"job-{job.id}-{digest}"
    if job.task > 0:
        return _awaited(note)
    if job.restarts and (noted := _noted(note)):
        return noted
    folder = create()
    note.parent.mkdir(parents=True, exist_ok=True)
    swap(note, str(folder.absolute()))
    return folder


def _noted(note: Path) -> Path | None:
    folder = Path(note.read_text()) if note.is_file() else None
    return folder if folder is not None and (folder / RUN_RECIPE).is_file() else None


def _awaited(note: Path) -> Path:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if folder := _noted(note):
            return folder
        time.sleep(0.1)
    raise Usage(f"{note}: expected the first task's note of the run folder, got none in {PATIENCE:.0f} s")
