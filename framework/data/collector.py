"""Who gathers experience, and where: the seam between acting in environments and learning from it.

    collector.start(task, state) -> Collecting        collecting.collect() -> Collected, with transitions [B]

A `Collector` is what a recipe names (`experience.collector`); a `Collecting` is what runs, from the first collection of
a fit to the last. A collection is a function of (seed, rank, what was collected before, weights).
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from tensordict import TensorDictBase

from ..runs.phases import Phases
from .environments import Environment
from .play import Behaviour


class WorkerLost(RuntimeError):
    """A worker of a collector was killed, or ended by itself."""


@dataclass(frozen=True)
class Task:
    """What shall be collected.

    Attributes:
        environment: what is acted in; every worker steps `num_envs` of it.
        choose: which of the policies acts now; raises `Stopped` where a collection shall be given up.
        policies: all that may ever act, with their live weights.
        frames: transitions a collection, over all environments of all workers of this rank.
        seed: of resets and chance.
        rank: of the process; each has its own resets and its own workers.
        phases: where time spent is counted.
    """

    environment: Environment
    choose: Callable[[], Behaviour]
    policies: Sequence[Behaviour]
    frames: int
    seed: int
    rank: int
    phases: Phases


class Collected(NamedTuple):
    """What a collection brought.

    Attributes:
        rows: transitions `[B]` with the number of their episode; without those in which an environment failed.
        returns: of the episodes that ended by themselves.
        lengths: of the same episodes, in steps of the agent.
        cut: numbers of episodes whose latest transition, of an earlier collection, turned out to be their last.
        faults: of environments that were survived, in all so far.
        counted: what copies of the policies counted while they acted, by metric; live policies are asked themselves.
    """

    rows: TensorDictBase
    returns: list[float]
    lengths: list[int]
    cut: list[int]
    faults: int
    counted: dict[str, float]


class Collecting(ABC):
    """Simulators and what acts in them, alive between collections."""

    @abstractmethod
    def collect(self) -> Collected:
        """Steps for one collection.

        Raises:
            EnvironmentFault: where environments failed too often.
            Stopped: where the collection was given up; nothing can be collected after it, close.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Plain tensors and containers, enough to go on as if nothing had happened."""

    @abstractmethod
    def close(self) -> None:
        """Ends everything that was started. May be called twice."""


class Collector(ABC):
    """A way of collecting; nothing runs until it is started.

    Attributes:
        workers: W, among which the transitions of a collection are split.
        copies: whether it is copies of the policies that act. What these learn as they act would be lost.
    """

    workers = 1
    copies = False

    @abstractmethod
    def start(self, task: Task, state: dict[str, Any] | None) -> Collecting:
        """Begins to collect, or goes on from the state of an earlier collecting of the same kind.

        Raises:
            ValueError: for the state of another number of workers.
        """


def exact(collection: Any) -> bool:
    """Whether nothing in the state of a collecting says that it is not."""
    if isinstance(collection, dict):
        return collection.get("exact", True) and all(exact(value) for value in collection.values())
    return all(exact(value) for value in collection) if isinstance(collection, list) else True
