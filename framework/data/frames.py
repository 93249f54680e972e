"""Frames in a ring: every observation is kept once, with what led to it.

    frame i  at  i mod capacity        observation, previous action, reward, terminated, truncated, is_init, trajectory

An episode of T transitions has T + 1 frames. The frames of one episode come in the order of time, those of several
environments in any order, so two frames that belong together need not lie side by side.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import (
    ACTION,
    ARRIVAL_REWARD,
    ARRIVAL_TERMINATED,
    DONE,
    HELD_OUT,
    IS_INIT,
    NEXT_OBSERVATION,
    OBSERVATION,
    PREVIOUS_ACTION,
    REWARD,
    TERMINATED,
    TRAJECTORY,
    TRUNCATED,
    ObservationShape,
)
from .observation_kinds import dtype, each, is_image
from .room import allocate

ARRIVAL_TRUNCATED = "truncated"  # [*B, 1], bool: the recording ended here, not the task
FLAGS = (ARRIVAL_TERMINATED, ARRIVAL_TRUNCATED, IS_INIT, HELD_OUT)


def frame_bytes(shape: ObservationShape, action_size: int) -> int:
    """What one frame takes."""
    observations = shape.values() if isinstance(shape, dict) else [shape]
    return sum(math.prod(one) * dtype(one).itemsize for one in observations) + 4 * action_size + 4 + len(FLAGS) + 8


class Frames:
    """The newest frames, up to a capacity.

    Args:
        capacity: frames kept; then the oldest are overwritten.
        shape: of one observation.
        action_size: A.
        folder: where the images lie in files; None: in memory.

    Attributes:
        rows: `[capacity]`, of which the first `len(self)` hold frames.
        written: frames that were ever written.
    """

    def __init__(self, capacity: int, shape: ObservationShape, action_size: int, folder: Path | None) -> None:
        self.capacity = capacity
        self.written = 0

        def column(one: tuple[int, ...]) -> Tensor:
            return allocate((capacity, *one), dtype(one), folder if is_image(one) else None)

        self.rows = TensorDict(
            {
                OBSERVATION: each(column, shape),
                PREVIOUS_ACTION: torch.empty(capacity, action_size),
                ARRIVAL_REWARD: torch.empty(capacity, 1),
                **{flag: torch.empty(capacity, 1, dtype=torch.bool) for flag in FLAGS},
                TRAJECTORY: torch.empty(capacity, 1, dtype=torch.int64),
            },
            [capacity],
        )

    def __len__(self) -> int:
        return min(self.written, self.capacity)

    @property
    def kept(self) -> TensorDictBase:
        """The frames `[R]` as they lie in the ring: a view."""
        return self.rows[: len(self)]

    def in_time(self) -> Tensor:
        """Where the frames lie, `[R]`, the oldest first."""
        return (self.written - len(self) + torch.arange(len(self))) % self.capacity

    def put(self, frames: Mapping | TensorDictBase, at: Tensor) -> None:
        """Writes entries `[B]` of frames to places `[B]`."""
        for key in frames.keys():  # noqa: SIM118
            each(lambda column, values: column.index_copy_(0, at, values), self.rows[key], frames[key])

    def append(self, transitions: TensorDictBase, held_out: Tensor, running: set[int]) -> None:
        """Takes transitions `[B]`, `held_out [B]` for validation.

        Args:
            transitions: with the number of their episode.
            held_out: whether each is.
            running: the numbers of episodes whose latest frame is here: it is where their next transition begins.
        """
        begins = beginnings(transitions, running)
        number = (1 + begins.long()).cumsum(0) - 1  # of the frame in which each transition ends, among the new ones
        count = int(number[-1]) + 1
        dropped = max(0, count - self.capacity)  # more came than is kept
        fresh = begins & (number > dropped)
        first, at = transitions.select(OBSERVATION, ACTION, TRAJECTORY)[fresh], number[fresh] - 1
        zeros = torch.zeros(len(first), 1)
        flags = {flag: zeros.bool() for flag in (ARRIVAL_TERMINATED, ARRIVAL_TRUNCATED)}
        self.put(
            {
                OBSERVATION: first[OBSERVATION],
                PREVIOUS_ACTION: torch.zeros_like(first[ACTION]),
                ARRIVAL_REWARD: zeros,
                **flags,
                IS_INIT: ~zeros.bool(),
                HELD_OUT: held_out[fresh, None],
                TRAJECTORY: first[TRAJECTORY],
            },
            (self.written + at) % self.capacity,
        )
        kept = number >= dropped
        rows = transitions[kept] if dropped else transitions
        self.put(
            {
                OBSERVATION: rows[NEXT_OBSERVATION],
                PREVIOUS_ACTION: rows[ACTION],
                ARRIVAL_REWARD: rows[REWARD],
                ARRIVAL_TERMINATED: rows[TERMINATED],
                ARRIVAL_TRUNCATED: rows[TRUNCATED],
                IS_INIT: torch.zeros_like(rows[DONE]),
                HELD_OUT: held_out[kept, None],
                TRAJECTORY: rows[TRAJECTORY],
            },
            (self.written + number[kept]) % self.capacity,
        )
        self.written += count


def beginnings(transitions: TensorDictBase, running: set[int]) -> Tensor:
    """Which of the transitions `[B]` do not begin in a frame that is there already."""
    number, done = transitions[TRAJECTORY][:, 0], transitions[DONE][:, 0]
    begins = torch.ones(len(number), dtype=torch.bool)
    begins[1:] = (number[1:] != number[:-1]) | done[:-1]
    first = begins.nonzero()[:, 0]
    last = torch.cat([first[1:] - 1, torch.tensor([len(number) - 1])])
    open_ones = set(running)
    for row, called, ended in zip(first.tolist(), number[first].tolist(), done[last].tolist(), strict=True):
        if called in open_ones:
            begins[row] = False
        if ended:
            open_ones.discard(called)
        else:
            open_ones.add(called)
    return begins
