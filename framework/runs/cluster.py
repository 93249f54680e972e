"""Who starts the processes of a run: SLURM's `srun`, `torchrun`, or Lightning itself.

Left alone, Lightning takes every process in a SLURM job for one of `srun`'s tasks, and on SIGUSR1 saves a checkpoint of
its own, requeues the job itself and ignores SIGTERM. All of that is done by `cli/stop.py` and `cli/slurm_job.py`.
"""

import os

from lightning_fabric.plugins.environments import ClusterEnvironment, SLURMEnvironment
from lightning_fabric.plugins.environments import LightningEnvironment as OwnProcesses


def cluster() -> list[ClusterEnvironment]:
    """Lightning's plugin for it; empty outside SLURM, where Lightning finds out."""
    if "SLURM_JOB_ID" not in os.environ or "TORCHELASTIC_RUN_ID" in os.environ:
        return []
    several = int(os.environ.get("SLURM_NTASKS", "1")) > 1
    by_srun = "SLURM_STEP_ID" in os.environ and "LOCAL_RANK" not in os.environ
    return [SLURMEnvironment(auto_requeue=False) if several and by_srun else OwnProcesses()]
