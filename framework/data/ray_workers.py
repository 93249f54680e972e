"""Collecting on many machines: TorchRL's `RayCollector`, one Ray actor a worker.

Ray carries weights out and transitions back. Its dashboard stays off: it lets whoever reaches it run code.
"""

import os
import sys
import warnings
from importlib.util import find_spec
from typing import Any

from torchrl.collectors import BaseCollector

from ..recipe_error import MissingExtra
from .collector import Collector, Task
from .collector_worker import Worker
from .workers import Workers


class RayWorkers(Collector):
    """Every worker steps `num_envs` environments and plans for them. Learning waits until all have done their share.

    Workers on machines of different kinds may round differently, so with an address a resume is not called exact.

    Args:
        workers: W, Ray actors for each process that learns.
        address: of a Ray cluster that runs, such as `auto` or `ray-head:6379`; None to start Ray on this machine alone.
        cpus: that Ray sets aside for each.
        gpus: likewise, may be a share of one; above 0 they plan on it.

    Raises:
        ValueError: for less than one worker, no CPU or a negative number of GPUs.
        MissingExtra: where Ray is not installed.
    """

    copies = True

    def __init__(self, workers: int = 2, address: str | None = None, cpus: float = 1.0, gpus: float = 0.0) -> None:
        if workers < 1:
            raise ValueError(f"workers: need at least 1, got {workers}")
        if cpus <= 0 or gpus < 0:
            raise ValueError(f"need cpus > 0 and gpus >= 0, got {cpus} and {gpus}")
        found = find_spec("ray")
        if (
            found is None or found.origin is None
        ):  # Ray leaves a folder /tmp/ray, which Python takes for a package there
            raise MissingExtra("ray")
        self.workers, self.address, self.cpus, self.gpus = workers, address, cpus, gpus

    def start(self, task: Task, state: dict[str, Any] | None) -> Workers:
        return RayActors(task, self, state)


class RayActors(Workers):
    """Workers in Ray actors."""

    def __init__(self, task: Task, settings: RayWorkers, state: dict[str, Any] | None) -> None:
        super().__init__(task, settings.workers, "cuda" if settings.gpus else "cpu", state)
        self.settings = settings

    def start(self) -> BaseCollector:
        from torchrl.collectors.distributed import RayCollector

        settings = self.settings
        own = {} if settings.address else {"num_cpus": max(os.cpu_count() or 1, int(settings.workers * settings.cpus))}
        paths = os.pathsep.join(path for path in sys.path if path)  # a recipe's own classes, where folders are shared
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return RayCollector(
                self.assignments(),
                self.acting,
                ray_init_config={
                    **own,
                    "address": settings.address or "local",
                    "include_dashboard": False,
                    "dashboard_host": "127.0.0.1",
                    "ignore_reinit_error": True,
                    "log_to_driver": False,
                    "logging_level": "error",
                    "runtime_env": {"env_vars": {"PYTHONPATH": paths, "RL_LOGGING_LEVEL": "ERROR"}},
                },
                remote_configs={"num_cpus": settings.cpus, "num_gpus": settings.gpus, "max_restarts": 0},
                collector_class=Worker,
                frames_per_batch=self.count,
                total_frames=sys.maxsize,
                sync=True,
                num_collectors=None,
                use_env_creator=False,
            )

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "exact": self.settings.address is None}

    def end(self) -> None:
        if self.collector is not None:
            self.collector.shutdown()

    def kill(self) -> None:
        if self.collector is not None:
            import ray

            for actor in list(self.collector.remote_collectors):
                ray.kill(actor)
