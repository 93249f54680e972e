"""What an agent that learns on-policy is handed: its latest collection alone, in shuffled passes.

    collect -> credit every transition once, with the weights that acted -> epochs over all of them -> collect

The minibatches of an epoch are cut from one permutation of the transitions after the other, so that each is learned
from equally often. Schulman et al. 2017 (PPO), algorithm 1.
"""

from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import DONE, HELD_OUT, TRAJECTORY, TRANSITION, TRUNCATED
from . import saved_rows
from .replay import Replay


class OnPolicy(ABC):
    """What such an agent is to the data."""

    @abstractmethod
    def credit(self, transitions: TensorDictBase) -> TensorDict:
        """What is learned from beside the transitions `[N]`, worked out before the first update on them.

        They come episode after episode, in the order of time; the last one of an episode need not be its end.
        """


class LatestCollection(Replay):
    """Transitions of vectors. What comes in takes the place of what was learned from.

    Nothing is held out: a small collection may be a single episode.

    Args:
        agent: whose credit the transitions get when the first minibatch is asked for; until then more may come, as in
            a warm-up of several collections.
    """

    def __init__(self, agent: OnPolicy) -> None:
        self.agent = agent
        self.rows = TensorDict(batch_size=[0])
        self.credited = False
        self.written = 0  # of all collections
        self._left = torch.zeros(0, dtype=torch.int64)  # of the permutation that is being used up

    def __len__(self) -> int:
        return len(self.rows)

    def extend(self, transitions: TensorDictBase, held_out: Tensor, generator: torch.Generator) -> None:
        rows = transitions.select(*TRANSITION, TRAJECTORY)
        rows[HELD_OUT] = torch.zeros_like(held_out)[:, None]
        self.rows = torch.cat([self.rows, rows]) if len(self) and not self.credited else rows
        self.written += len(rows)
        self.credited, self._left = False, self._left[:0]

    def cut(self, number: int) -> None:
        if not len(self):
            return
        for latest in (self.rows[TRAJECTORY][:, 0] == number).nonzero()[-1:, 0].tolist():
            self.rows[TRUNCATED][latest] |= ~self.rows[DONE][latest]
            self.rows[DONE][latest] = True

    def sample(self, count: int, batch_size: int, generator: torch.Generator) -> TensorDict:
        """`[K, B]`, with what the agent's credit says."""
        if not self.credited and len(self):
            self.rows = self.rows[self.rows[TRAJECTORY][:, 0].argsort(stable=True)]
            self.rows.update(self.agent.credit(self.rows.exclude(HELD_OUT)))
            self.credited = True
        if not len(self):
            raise ValueError("need at least one transition to train on, got none: all failed")
        while len(self._left) < count * batch_size:
            self._left = torch.cat([self._left, torch.randperm(len(self), generator=generator)])
        index, self._left = self._left[: count * batch_size], self._left[count * batch_size :]
        return self.rows.exclude(HELD_OUT)[index].unflatten(0, (count, batch_size))

    def held_out(self, limit: int) -> TensorDictBase:
        return self.rows[:0]

    def newest(self, count: int) -> TensorDictBase:
        return self.rows.select(*TRANSITION, TRAJECTORY)[max(0, len(self) - count) :]

    def trajectories(self) -> list[TensorDictBase]:
        return []

    def state_dict(self, name: str, saved: Collection[str] = ()) -> dict[str, Any]:
        name = f"{name}-{self.written}{'-credited' if self.credited else ''}"  # a part keeps its content
        state = saved_rows.save(self.rows, len(self), (), name, saved)
        return {**state, "all": self.written, "credited": self.credited, "left": self._left.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pieces = list(saved_rows.load(state))
        if pieces:
            self.rows = TensorDict.cat(pieces)
        self.written, self.credited, self._left = int(state["all"]), bool(state["credited"]), state["left"].cpu()
