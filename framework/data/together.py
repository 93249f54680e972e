"""Several simulators as one TorchRL environment: all are told to step, then all are waited for; faults are survived.

A simulator that fails is replaced by one made anew, and its next episode begins. To whoever acts the failed step is a
truncation with the `faulty` mark: it repeats the last observation and has no reward, so it is to be dropped.
"""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict, TensorDictBase
from torchrl.data import Bounded, Categorical, Composite, Unbounded
from torchrl.envs import EnvBase

from ..keys import FAULTY
from ..runs.stopping import Stopped
from .episodes import EnvironmentFault, Episodes
from .fault_limit import FaultLimit
from .observation_space import Observation, shape_of
from .observation_tensors import spec, stacked

REPLACED = "The simulator is made anew"
DROPPED = "The step is dropped, its episode cut, and the simulator made anew"


class Together(EnvBase):
    """Steps N simulators of the same kind; batch size `[N]`.

    Args:
        starts: each starts the making of one simulator and returns what waits for it; called again to replace it.
        action_repeat: environment steps that one step takes, for the counting of faults.
        max_faults: see `FaultLimit`.

    Attributes:
        simulators: those that run now, in the order of the batch.
        faults: the count.
    """

    def __init__(self, starts: Sequence[Callable[[], Callable[[], Episodes]]], action_repeat: int, max_faults: int):
        super().__init__(device="cpu", batch_size=torch.Size([len(starts)]))
        self._starts = starts
        self._repeat = action_repeat
        self.faults = FaultLimit(max_faults)
        self.simulators = all_started([start() for start in starts])
        self._observations: list[Observation] = [np.zeros(0, np.float32) for _ in starts]  # the latest of each
        self._describe(self.simulators[0])
        self.is_closed = False

    def _describe(self, one: Episodes) -> None:
        size = self.batch_size
        actions = one.action_space
        flag = Categorical(2, shape=(*size, 1), dtype=torch.bool)
        self.observation_spec = Composite(
            {"observation": spec(shape_of(one.observation_space), *size), FAULTY[1]: flag.clone()}, shape=size
        )
        low, high = (torch.as_tensor(bound).expand(*size, -1).clone() for bound in (actions.low, actions.high))  # type: ignore[attr-defined]
        self.action_spec = Bounded(low, high)
        self.reward_spec = Unbounded((*size, 1))
        self.full_done_spec = Composite(
            {name: flag.clone() for name in ("done", "terminated", "truncated")}, shape=size
        )

    def _reset(self, tensordict: TensorDictBase | None = None, **options: object) -> TensorDict:
        which = range(len(self.simulators))
        if tensordict is not None and "_reset" in tensordict:
            which = tensordict["_reset"][:, 0].nonzero()[:, 0].tolist()
        endings = [(i, self.simulators[i].begin_reset()) for i in which]
        for i, ending in endings:
            self._observations[i] = self._begun(i, ending)
        none = np.zeros(len(self.simulators), bool)
        return self._recorded(none, none, none)

    def _begun(self, i: int, ending: Callable[[], tuple[Observation, dict]]) -> Observation:
        """The first observation of the first episode that does begin."""
        while True:
            try:
                return ending()[0]
            except EnvironmentFault as fault:
                self._replace(i, fault)
                ending = self.simulators[i].begin_reset()

    def _step(self, tensordict: TensorDictBase) -> TensorDict:
        actions = tensordict["action"].numpy()
        endings = [simulator.begin_step(action) for simulator, action in zip(self.simulators, actions, strict=True)]
        reward = np.zeros(len(endings), np.float32)
        terminated, truncated, faulty = (np.zeros(len(endings), bool) for _ in range(3))
        faults = {}
        for i, ending in enumerate(endings):
            try:
                self._observations[i], reward[i], terminated[i], truncated[i], _ = ending()
            except EnvironmentFault as error:
                faults[i] = error
        for i, fault in faults.items():  # when nobody is waited for any more
            self._replace(i, fault)
            truncated[i] = faulty[i] = True
        self.faults.stepped(len(endings) * self._repeat)
        recorded = self._recorded(terminated, truncated, faulty)
        return recorded.set("reward", torch.from_numpy(reward)[:, None])

    def _recorded(self, terminated: NDArray, truncated: NDArray, faulty: NDArray) -> TensorDict:
        flags = {"terminated": terminated, "truncated": truncated, "done": terminated | truncated, FAULTY[1]: faulty}
        entries = {name: torch.from_numpy(flag.copy())[:, None] for name, flag in flags.items()}
        return TensorDict({"observation": stacked(self._observations), **entries}, self.batch_size)

    def _replace(self, i: int, fault: EnvironmentFault) -> None:
        """Another simulator in the place of one that failed, at the same place in the stream of its seeds.

        Raises:
            EnvironmentFault: where this is one fault too many, or what came has the wrong form from the start.
        """
        if fault.hopeless and not self.faults.steps:
            raise fault
        self.faults.survive(fault, DROPPED if fault.step else REPLACED)
        failed = self.simulators[i]
        state = failed.state()
        failed.close()
        while True:
            try:
                self.simulators[i] = self._starts[i]()()
                break
            except Stopped:
                raise
            except Exception as error:
                again = EnvironmentFault(fault.id, fault.seed, fault.step, f"it could not be made anew: {error}")
                again.__cause__ = error
                self.faults.survive(again, "It is tried again")
        self.simulators[i].restore(state)

    def _set_seed(self, seed: int | None) -> None:
        """Every simulator has its own stream of seeds."""

    def close(self, *, raise_if_closed: bool = True) -> None:
        if not self.is_closed:
            for simulator in self.simulators:
                simulator.close()
        super().close(raise_if_closed=raise_if_closed)


def all_started(endings: Sequence[Callable[[], Episodes]]) -> list[Episodes]:
    """Waits for simulators that are being made; where one cannot be, none is left."""
    made: list[Episodes] = []
    failure: Exception | None = None
    for ending in endings:
        try:
            made.append(ending())
        except Exception as error:
            failure = failure or error
    if failure is None:
        return made
    for simulator in made:
        simulator.close()
    raise failure
