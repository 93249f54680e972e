"""Collecting in several processes of this machine: TorchRL's `MultiSyncCollector`, weights in shared memory.

Each is started anew, which takes seconds once. Nothing of it outlives the run, not even where the run is killed.
"""

import os
from functools import partial
from multiprocessing import active_children, resource_tracker
from multiprocessing.process import BaseProcess
from multiprocessing.util import Finalize
from typing import Any

import torch
from torchrl.collectors import MultiSyncCollector
from torchrl.weight_update import SharedMemWeightSyncScheme

from ..runs.lifeline import leave_signals, tie_to
from .acting import Acting
from .collector import Collector, Task
from .collector_worker import Worker
from .workers import Workers


class Processes(Collector):
    """Every process steps `num_envs` environments and plans for them. Learning waits until all have done their share.

    Args:
        workers: W, processes for each process that learns.
        threads: of PyTorch in each.
        device: where they plan: `cpu`, or `cuda` for the device of the process that learns.

    Raises:
        ValueError: for less than one worker or thread, and for another device.
    """

    copies = True

    def __init__(self, workers: int = 2, threads: int = 1, device: str = "cpu") -> None:
        for name, number in {"workers": workers, "threads": threads}.items():
            if number < 1:
                raise ValueError(f"{name}: need at least 1, got {number}")
        if device not in ("cpu", "cuda"):
            raise ValueError(f"device: need cpu or cuda, got {device}")
        self.workers, self.threads, self.device = workers, threads, device

    def start(self, task: Task, state: dict[str, Any] | None) -> Workers:
        device = str(task.policies[0].device) if self.device == "cuda" else "cpu"
        return ProcessWorkers(task, self.workers, self.threads, device, state)


class ProcessWorkers(Workers):
    """Workers in processes."""

    def __init__(self, task: Task, count: int, threads: int, device: str, state: dict[str, Any] | None) -> None:
        super().__init__(task, count, device, state)
        self.threads = threads
        self.others = torchrl_processes()

    def start(self) -> MultiSyncCollector:
        resource_tracker.ensure_running()  # which unblocks signals when it starts
        leave_signals()
        Finalize(self, kill_all_but, (self.others,), exitpriority=100)  # before Python waits for its children
        return MultiSyncCollector(
            self.assignments(),
            self.acting,
            policy_factory=partial(as_it_is, self.acting),
            weight_sync_schemes={"policy": SharedMemWeightSyncScheme(sync=False)},  # waits for ever for a dead worker
            collector_class=Worker,
            frames_per_batch=self.count,
            num_threads=torch.get_num_threads(),  # else it takes threads away from this process
            num_sub_threads=self.threads,
            use_buffers=False,
            init_fn=partial(tie_to, os.getpid()),
            auto_register_policy_transforms=False,
        )

    def end(self) -> None:
        if self.collector is not None:
            threads = torch.get_num_threads()
            self.collector.shutdown()
            torch.set_num_threads(threads)  # which the shutdown changes

    def kill(self) -> None:
        kill_all_but(self.others)


def as_it_is(acting: Acting) -> Acting:
    """What makes the policy in a worker: nothing, it has been sent."""
    return acting


def torchrl_processes() -> set[BaseProcess]:
    """The processes that TorchRL started from this one, those too that it is still waiting for."""
    return {process for process in active_children() if type(process).__module__.startswith("torchrl")}


def kill_all_but(others: set[BaseProcess]) -> None:
    """Ends TorchRL's processes in the middle of whatever they do."""
    for process in torchrl_processes() - others:
        process.kill()
