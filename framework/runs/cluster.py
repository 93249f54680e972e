"""Who starts the processes of a run: SLURM's `srun`, `torchrun`, or Lightning itself.

Left alone, Lightning takes every process in a SLURM job for one of `srun`'s tasks, and on SIGUSR1 saves a checkpoint of
its own, requeues the job itself and ignores SIGTERM. All of that is done by `cli/stop.py` and `cli/slurm_job.py`.
"""

import os
from pathlib import Path
from typing import Any

from lightning_fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment
from lightning_fabric.plugins.environments import LightningEnvironment as OwnProcesses
from pytorch_lightning import Trainer


def cluster() -> list[ClusterEnvironment]:
    """Lightning's plugin for it; empty outside SLURM, where Lightning finds out."""
    if "SLURM_JOB_ID" not in os.environ or "TORCHELASTIC_RUN_ID" in os.environ:
        return []
    several = int(os.environ.get("SLURM_NTASKS", "1")) > 1
    by_srun = "SLURM_STEP_ID" in os.environ and "LOCAL_RANK" not in os.environ
    return [SLURMEnvironment(auto_requeue=False) if several and by_srun else OwnProcesses()]


def agreed(trainer: Trainer, checkpoint: Path | None) -> Path | None:
    """The checkpoint of the first process, for all. To be called on all of them.

    Processes that Lightning starts have been told. Others looked for themselves, and a shared disk may show the newest
    one to some of them only.
    """
    strategy: Any = trainer.strategy
    if trainer.world_size == 1 or isinstance(strategy.cluster_environment, OwnProcesses):
        return checkpoint
    strategy.setup_environment()  # Lightning does it again, and finds it done
    found: Path | None = strategy.broadcast(checkpoint)
    return found
