"""A worker's side of collecting: what TorchRL's collectors of many processes or machines run in each of them.

It steps a `Collection` of its own, and what it hands back is a report: transitions, returns and the state from which it
could be started again, or the exception that was raised, and what was logged. So no fault is lost with the process, and
all is said where somebody reads it.
"""

import io
import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import NonTensorData, TensorDict, TensorDictBase
from torchrl.collectors import BaseCollector

from ..runs.phases import Phases
from ..runs.remote_error import RemoteError
from .acting import Acting
from .actor import Actor
from .collection import Collection
from .environments import Environment

REPORT = "report"
PACKAGE = __name__.partition(".")[0]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """What every engine can carry.

    Attributes:
        warnings: what was logged.
        content: what was collected, or the exception that was raised.
    """

    warnings: list[str]
    content: bytes | RemoteError


class Warnings(logging.Handler):
    """Keeps warnings for the next report; without it they would go where this process writes to, which Ray hides."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.kept: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.kept.append(self.format(record))

    def taken(self) -> list[str]:
        """Those since the last call."""
        kept, self.kept = self.kept, []
        return kept


def received(gathered: TensorDictBase, worker: int) -> dict[str, Any]:
    """What a worker reported, out of what TorchRL gathered from all: see `Collected`, and its `state`.

    Its warnings are logged here.

    Raises:
        Exception: the one that was raised in the worker.
    """
    told = gathered[worker].get(REPORT).tolist()[0]
    for warning in told.warnings:
        log.warning("%s", warning)
    if isinstance(told.content, RemoteError):
        raise told.content.unpacked()
    report = torch.load(io.BytesIO(told.content), weights_only=True)
    return {**report, "rows": TensorDict(report["rows"], [len(report["rows"]["action"])])}


class Assignment:
    """What one worker steps. TorchRL's collectors take it where they expect a function that makes an environment.

    Args:
        environment: what is acted in.
        frames: transitions a collection, of this worker.
        seed: of resets and chance.
        rank: of the process that learns.
        worker: which one of that process, from 0; it steps the environments from number `worker * num_envs` on.
        device: where it plans.
        state: of an earlier worker to go on from, or None.
    """

    def __init__(
        self,
        environment: Environment,
        frames: int,
        seed: int,
        rank: int,
        worker: int,
        device: str,
        state: dict[str, Any] | None,
    ) -> None:
        self.environment, self.frames, self.seed, self.rank, self.worker = environment, frames, seed, rank, worker
        self.device = torch.device(device)
        self.state = state

    def __call__(self) -> "Assignment":
        return self

    def opened(self, acting: Acting) -> Collection:
        """The simulators, and `acting` in them, with chance of its own."""
        acting.seed(self.seed, self.rank, self.worker)
        actor = Actor(acting.choose, acting.members(), Phases())
        state = None if self.state is None else self.state["collection"]
        first = self.worker * self.environment.num_envs
        collection = Collection(self.environment, actor, self.frames, self.seed, self.rank, state, first)
        if self.state is not None:
            acting.restore(self.state["chance"])
        return collection


class Worker(BaseCollector):
    """Yields one report a collection, as a TensorDict of batch size [1].

    Args:
        create_env_fn: the assignment, as TorchRL passes it on.
        policy: an `Acting` to which TorchRL sends weights; or
        policy_factory: what makes it.
        worker_idx: which worker this is.
        others: what TorchRL tells its own collectors, and an assignment already says.
    """

    def __init__(
        self,
        create_env_fn: Callable[[], Assignment] | list[Callable[[], Assignment]],
        *,
        policy: Acting | None = None,
        policy_factory: Callable[[], Acting] | None = None,
        worker_idx: int | None = None,
        **others: Any,
    ) -> None:
        super().__init__()
        given = create_env_fn[0] if isinstance(create_env_fn, list) else create_env_fn
        self.assignment = given()
        if policy is None:
            assert policy_factory is not None
            policy = policy_factory()
        self.policy = policy
        self.placed: Acting | None = None
        self.collection: Collection | None = None
        self.worker_idx = worker_idx
        self._use_buffers = False
        self._iterator = None
        self.warnings = Warnings()
        logging.getLogger(PACKAGE).addHandler(self.warnings)

    def iterator(self) -> Iterator[TensorDictBase]:
        while True:
            told = Report(content=self.report(), warnings=self.warnings.taken())
            frames = {"traj_ids": torch.zeros(1, dtype=torch.int64)}  # TorchRL counts these
            yield TensorDict({"collector": frames, REPORT: NonTensorData(told, batch_size=[1])}, [1])

    def report(self) -> bytes | RemoteError:
        """Collects once, with the weights and the choice of policy that came last."""
        try:
            if self.placed is None or self.collection is None:
                here = self.assignment.device.type == "cpu"
                self.placed = self.policy if here else self.policy.on(self.assignment.device)
                self.collection = self.assignment.opened(self.placed)
            if self.placed is not self.policy:
                self.placed.follow(self.policy.members(), *self.policy.orders.tolist())
            collected = self.collection.collect()
            state = {"collection": self.collection.state_dict(), "chance": self.placed.chance()}
            report = {**collected._asdict(), "rows": collected.rows.to_dict(), "state": state}
            file = io.BytesIO()
            torch.save({**report, "counted": self.placed.choose().counted()}, file)
            return file.getvalue()
        except Exception as error:
            return RemoteError.of(error)

    def shutdown(self, timeout: float | None = None, close_env: bool = True, raise_on_error: bool = True) -> None:
        logging.getLogger(PACKAGE).removeHandler(self.warnings)
        if self.collection is not None:
            self.collection.close()
            self.collection = None

    def update_policy_weights_(self, *weights: Any, **named: Any) -> None:
        """Nothing is left to do: TorchRL has put them into `policy`, and would send them on to collectors inside."""

    def set_seed(self, seed: int, static_seed: bool = False) -> int:
        raise NotImplementedError("an assignment has the seed")

    def state_dict(self) -> OrderedDict:
        raise NotImplementedError("the state comes with every report")

    def load_state_dict(self, state_dict: OrderedDict) -> None:
        raise NotImplementedError("an assignment has the state")
