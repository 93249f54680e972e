"""The learner's side of collecting with workers: send weights, wait, put together what came, raise what was raised.

    number of an episode = W * (its number in its worker) + the worker's number

One thread owns the workers, from their start to their end, so that the main thread answers signals while it waits.
Workers that failed, or were given up, are ended at once: none of them is in a state to go on.
"""

import threading
from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from typing import Any

import torch
from torchrl.collectors import BaseCollector

from ..keys import TRAJECTORY
from ..runs.ranks import means
from ..runs.stopping import Stopped
from .acting import Acting
from .collector import Collected, Collecting, Task, WorkerLost
from .collector_worker import Assignment, received

PATIENCE = 0.5  # seconds between two looks at whether the run shall stop
GRACE = 20.0  # seconds that an end may take; what takes longer ends with the process


class Workers(Collecting):
    """Several workers, each with simulators and a copy of the policies.

    Args:
        task: what shall be collected.
        count: W.
        device: where they plan.
        state: of an earlier collecting to go on from, or None.

    Raises:
        ValueError: for the state of another number of workers.
    """

    def __init__(self, task: Task, count: int, device: str, state: dict[str, Any] | None) -> None:
        made_by = None if state is None else len(state.get("workers", [0]))
        if made_by not in (None, count) or (state is not None and "workers" not in state):
            raise ValueError(f"collector: the checkpoint was made with {made_by} workers, got {count}: need the same")
        self.task, self.count, self.device = task, count, device
        self.states: list[dict[str, Any] | None] = [None] * count if state is None else list(state["workers"])
        self.acting = Acting(task.policies)
        self.closing = False
        self.collector: Any = None
        self.work: SimpleQueue[tuple[Future, Callable[[], Any]] | None] = SimpleQueue()
        self.thread = threading.Thread(target=serve, args=(self.work,), name="workers", daemon=True)
        self.thread.start()

    @abstractmethod
    def start(self) -> BaseCollector:
        """TorchRL's collector with all workers, whose policy is `acting`. Called in the thread that owns them."""

    @abstractmethod
    def end(self) -> None:
        """Ends the workers in order, if there are any. Called in the thread that owns them."""

    @abstractmethod
    def kill(self) -> None:
        """Ends the workers in the middle of whatever they do, if there are any. Called in any thread."""

    def assignments(self) -> list[Assignment]:
        """What each worker shall step."""
        task, frames = self.task, self.task.frames // self.count
        return [
            Assignment(task.environment, frames, task.seed, task.rank, worker, self.device, state)
            for worker, state in enumerate(self.states)
        ]

    def collect(self) -> Collected:
        policies = self.task.policies
        policy: Any = self.task.choose()
        chosen = next(number for number, one in enumerate(policies) if one is policy)
        self.acting.follow(policies, chosen, policy.training)
        try:
            with self.task.phases("collect"):
                parts = self.waited_for(self.gathered)
        except BaseException:
            self.finish(at_once=True)
            raise
        self.states = [part["state"] for part in parts]
        for worker, part in enumerate(parts):
            part["rows"][TRAJECTORY] = part["rows"][TRAJECTORY] * self.count + worker
        return Collected(
            torch.cat([part["rows"] for part in parts]),
            [value for part in parts for value in part["returns"]],
            [steps for part in parts for steps in part["lengths"]],
            [number * self.count + worker for worker, part in enumerate(parts) for number in part["cut"]],
            sum(part["faults"] for part in parts),
            means([part["counted"] for part in parts]),
        )

    def gathered(self) -> list[dict[str, Any]]:
        """A report of each worker, in their order, with the weights that `acting` has; starts them if need be."""
        if self.collector is None:
            try:
                self.collector = self.start()
            except Exception as error:
                raise RuntimeError(f"the workers could not be started: {type(error).__name__}: {error}") from error
        if self.closing:
            raise Stopped
        self.collector.update_policy_weights_()
        try:
            together = self.collector.next()
        except Exception as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:100]
            # as it tidies up, the collector may stumble over the one that was lost, which tells nobody anything
            why = "" if "Cannot close a process" in said else f" ({said})"
            raise WorkerLost(f"a worker ended by itself: it was killed, or ran out of memory{why}") from None
        return [received(together, worker) for worker in range(self.count)]

    def waited_for(self, work: Callable[[], Any]) -> Any:
        """What `work` gives, done by the workers' thread; raises `Stopped` as soon as the task says so."""
        future: Future = Future()
        self.work.put((future, work))
        while not wait([future], PATIENCE).done:
            self.task.choose()
        return future.result()

    def state_dict(self) -> dict[str, Any]:
        return {"workers": self.states}

    def close(self) -> None:
        self.finish(at_once=False)

    def finish(self, at_once: bool) -> None:
        """Ends workers and thread; workers that are still being started end as soon as they have."""
        if self.closing:
            return
        self.closing = True
        if at_once:
            self.kill()
        self.work.put((Future(), self.end))
        self.work.put(None)
        self.thread.join(GRACE)


def serve(work: SimpleQueue[tuple[Future, Callable[[], Any]] | None]) -> None:
    """Does one piece of work after the other."""
    while (piece := work.get()) is not None:
        future, call = piece
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)
