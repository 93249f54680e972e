"""Collecting in the process that learns: the default, and the cheapest unless planning or the simulator is slow."""

from typing import Any

from .actor import Actor
from .collection import Collection
from .collector import Collector, Task


class InProcess(Collector):
    """Steps the environments here, all `num_envs` planned for at once, while learning waits."""

    def start(self, task: Task, state: dict[str, Any] | None) -> Collection:
        if state is not None and "workers" in state:
            raise ValueError(f"collector: the checkpoint was made with {len(state['workers'])} workers, need the same")
        actor = Actor(task.choose, task.policies, task.phases)
        return Collection(task.environment, actor, task.frames, task.seed, task.rank, state)
