"""Submission to SLURM: one job a run, checked before it is submitted, requeued until the run is done.

    fulgurite train pets/half_cheetah seed=0..4 --slurm partition=gpu,time=240,gpus=1

How many processes a run has is the recipe's to say: SLURM starts trainer.num_nodes x trainer.devices tasks, which are
its ranks. Several seeds are one array. The job knows nothing but the run folder, so a requeued one is the same job.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..recipe import Composed, compose
from ..recipe_error import MissingExtra, nearest
from . import run_folder
from .output import Usage, say

FOLDER = "slurm"  # beside the run folders: logs, and what submitit needs


class Option(NamedTuple):
    """`pattern` is what a value must match, and `expected` says that in words."""

    expected: str
    pattern: str
    default: str | None = None


OPTIONS = {
    "partition": Option("names of partitions", r"\S+"),
    "account": Option("a name", r"\S+"),
    "qos": Option("a name", r"\S+"),
    "constraint": Option("features of nodes", r"\S+"),
    "time": Option("minutes", r"[1-9]\d*", "240"),
    "gpus": Option("GPUs a node", r"\d+"),
    "cpus": Option("cores a process", r"[1-9]\d*"),
    "memory": Option("gigabytes a node", r"[1-9]\d*"),
    "grace": Option("seconds before the end of the time at which a run writes its checkpoint", r"[1-9]\d*", "120"),
}
HELP = (
    "submit to SLURM instead of running here, with: "
    + ", ".join(f"{key} ({option.expected})" for key, option in OPTIONS.items())
    + "; see docs/slurm.md"
)


def options(text: str) -> dict[str, str]:
    """What `partition=a,b,time=60` says; a value may hold commas.

    Raises:
        Usage: for an unknown key or an unfit value.
    """
    found = {key: option.default for key, option in OPTIONS.items()}
    for key, value in re.findall(r"([^=,]+)=((?:[^=,]*)(?:,[^=,]+(?=,|$))*)", text):
        if key not in OPTIONS:
            raise Usage(f"--slurm {key}: unknown option{nearest(key, OPTIONS, 'expected one of')}")
        if not re.fullmatch(OPTIONS[key].pattern, value):
            raise Usage(f"--slurm {key}: expected {OPTIONS[key].expected}, got {value!r}")
        found[key] = value
    if text and not re.match(r"[^=,]+=", text):
        raise Usage(f"--slurm {text}: expected key=value,key=value,... of {', '.join(OPTIONS)}, as the last words")
    return {key: value for key, value in found.items() if value is not None}


class Work:
    """What a job does: it goes on with the run in a folder, from wherever that is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self) -> None:
        """Ends the process with the command's exit code, by which SLURM tells success from failure."""
        from . import guarded
        from .fit import go_on

        code = guarded(lambda: go_on(compose(self.folder), self.folder))
        if code:
            sys.exit(code)

    def checkpoint(self) -> Any:
        """What submitit runs when the job is requeued before `go_on` watches over signals itself: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


class Submission:
    """A checked request for jobs.

    Args:
        text: what stood after `--slurm`.
        composed: the recipe of the runs; they differ in their seeds.

    Raises:
        Usage: for wrong options, or where there is no SLURM.
        MissingExtra: without submitit.
    """

    def __init__(self, text: str, composed: Composed) -> None:
        given = options(text)
        trainer = composed.tree.root.get("trainer") or {}
        tasks, nodes = processes(trainer)
        gpus = int(given.get("gpus", tasks if trainer.get("accelerator") in ("gpu", "cuda") else 0))
        if gpus and gpus != tasks:
            raise Usage(
                f"--slurm gpus={gpus}: the recipe uses {tasks} on each node; expected gpus={tasks}, or "
                f"trainer.devices={gpus} trainer.strategy=ddp in the recipe"
            )
        try:
            import submitit
        except ImportError as error:
            raise MissingExtra("submitit") from error
        if shutil.which("srun") is None or shutil.which("sbatch") is None:
            raise Usage("--slurm: expected sbatch and srun on the PATH, as on a cluster's login node")
        self.submitit = submitit
        wanted: dict[str, Any] = {
            key: given[key] for key in ("partition", "account", "qos", "constraint") if key in given
        }
        wanted |= {"job_name": f"fulgurite {composed.file.name}", "time": int(given["time"]), "wckey": None}
        wanted |= {"nodes": nodes, "ntasks_per_node": tasks, "signal_delay_s": int(given["grace"])}
        wanted |= {"additional_parameters": {"requeue": True}}  # some clusters forbid it to whoever does not ask
        if gpus:
            wanted["gpus_per_node"] = gpus
        if "cpus" in given:
            wanted["cpus_per_task"] = int(given["cpus"])
        if "memory" in given:
            wanted["mem"] = f"{given['memory']}GB"
        self.wanted = wanted

    def submit(self, folders: Sequence[Path]) -> None:
        """One job for each run folder, several as an array; prints where they write.

        Raises:
            Usage: where SLURM refuses them.
        """
        place = folders[0].absolute().parent / FOLDER
        executor = self.submitit.SlurmExecutor(place)
        executor.update_parameters(**self.wanted)
        try:
            jobs = executor.submit_array([Work(folder.absolute()) for folder in folders])
        except (self.submitit.core.utils.FailedJobError, self.submitit.core.utils.FailedSubmissionError) as error:
            raise Usage(f"SLURM refused the job: {' '.join(str(error).split())}") from error
        for job, folder in zip(jobs, folders, strict=True):
            say(f"job {job.job_id}: {folder}, log {job.paths.stdout}")
        say(f"to continue after its end: {run_folder.resume_command(folders[0])} --slurm")


def processes(trainer: Mapping[str, Any]) -> tuple[int, int]:
    """The tasks on each node, and the nodes, that a recipe asks for."""
    devices, nodes = trainer.get("devices", 1), trainer.get("num_nodes", 1)
    devices = 1 if devices == "auto" else devices
    for key, value in (("trainer.devices", devices), ("trainer.num_nodes", nodes)):
        if not isinstance(value, int) or value < 1:
            raise Usage(f"{key}: under SLURM expected a number, got {value!r}")
    return devices, nodes
