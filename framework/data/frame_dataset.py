"""The replay buffer of images, nested observations and sequences: a ring of frames, each kept once.

    transition = two frames that follow one another in an episode        sequence = L frames of the line (`line.py`)

What can be drawn ends with the oldest frame: a transition whose first frame was overwritten is gone.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from torch import Tensor

from ..keys import (
    ACTION,
    ARRIVAL_REWARD,
    ARRIVAL_TERMINATED,
    DONE,
    HELD_OUT,
    NEXT_OBSERVATION,
    OBSERVATION,
    PREVIOUS_ACTION,
    REWARD,
    TERMINATED,
    TRAJECTORY,
    TRUNCATED,
    ObservationShape,
)
from . import saved_rows
from .frames import ARRIVAL_TRUNCATED, Frames, frame_bytes
from .line import laid_out
from .observation_kinds import each, vectors
from .replay import Replay

HELD_OUT_BYTES = 256_000_000  # of held-out trajectories that are handed out at a time


class FrameDataset(Replay):
    """Hands out transitions, or sequences, drawn uniformly with replacement. All members of an ensemble see the same.

    Args:
        capacity: frames kept.
        shape: of one observation.
        action_size: A.
        sequence_length: L, or None for transitions.
        folder: where the images lie in files; None: in memory.

    Raises:
        ValueError: for L below 2 or above the capacity.
    """

    def __init__(
        self,
        capacity: int,
        shape: ObservationShape,
        action_size: int,
        sequence_length: int | None,
        folder: Path | None = None,
    ) -> None:
        check_length(sequence_length, capacity)
        self.length = sequence_length
        self.frames = Frames(capacity, shape, action_size, folder)
        self.frame_bytes = frame_bytes(shape, action_size)
        self._changed: list[int] = []  # the numbers of frames that were changed after they were written
        self.index()

    def __len__(self) -> int:
        return len(self.frames)

    def extend(self, transitions: TensorDictBase, held_out: Tensor, generator: torch.Generator) -> None:
        self.frames.append(transitions, held_out, set(self._running))
        self.index()

    def cut(self, number: int) -> None:
        at = self._running.pop(number, None)
        if at is not None:
            age = (self.frames.written - 1 - at) % self.frames.capacity
            self._changed.append(self.frames.written - 1 - age)
            self.frames.rows[ARRIVAL_TRUNCATED][at] = True

    def index(self) -> None:
        """Lays out the lines, lists the transitions, and notes which episodes may go on."""
        rows, in_time = self.frames.rows, self.frames.in_time()
        line = laid_out(rows, in_time)
        held_out = rows[HELD_OUT][:, 0][line.at]
        self._trained, self._held_out = line.where(~held_out), line.where(held_out)
        self._before = torch.full((len(in_time),), -1)  # where the frame before each lies, -1 where none is kept
        self._before[line.at[1:]] = line.at[:-1]
        self._before[line.at[line.begins]] = -1
        self._ends = {kept: of.at[~of.begins] for kept, of in ((False, self._trained), (True, self._held_out))}
        last = line.at[line.begins.roll(-1)]  # of each episode
        over = (rows[ARRIVAL_TERMINATED] | rows[ARRIVAL_TRUNCATED])[:, 0][last]
        latest = last[~over]
        self._running = dict(zip(rows[TRAJECTORY][:, 0][latest].tolist(), latest.tolist(), strict=True))

    def sample(self, count: int, batch_size: int, generator: torch.Generator) -> TensorDict:
        """`[K, B]`, see `Replay.sample`."""
        length, frames = self.length, len(self._trained.at)
        if length is None:
            ends = self._ends[False]
            if not len(ends):
                raise ValueError("need at least one transition to train on, got none: all are held out, or failed")
            return self.transitions(ends[torch.randint(len(ends), (count, batch_size), generator=generator)])
        if frames < length:
            raise ValueError(
                f"sequence_length: need at most the {frames} frames that there are to train on, got {length}: record "
                "more before the first update"
            )
        starts = torch.randint(frames, (count, batch_size), generator=generator)
        return self._trained.sequences(self.frames.rows, starts, length)

    def held_out(self, limit: int) -> TensorDictBase:
        """Transitions `[B]`, or sequences `[B]` of `limit` frames together, evenly thinned."""
        if self.length is None:
            ends = self._ends[True]
            return self.transitions(ends[:: -(-len(ends) // limit)] if len(ends) else ends)
        frames = len(self._held_out.at)
        count = min(max(1, limit // self.length), frames) if frames >= self.length else 0
        starts = torch.arange(count) * frames // max(1, count)
        return self._held_out.sequences(self.frames.rows, starts, self.length)

    def newest(self, count: int) -> TensorDictBase:
        in_time = self.frames.in_time()
        ends = in_time[self._before[in_time] >= 0]
        return self.transitions(ends[max(0, len(ends) - count) :], images=False)

    def everything(self) -> TensorDictBase:
        """All transitions `[B]`, in the order in which they came, with `held_out`."""
        in_time = self.frames.in_time()
        ends = in_time[self._before[in_time] >= 0]
        return self.transitions(ends).set(HELD_OUT, self.frames.rows[HELD_OUT][ends])

    def trajectories(self) -> list[TensorDictBase]:
        """The newest ones, as many as take 256 MB; their frames are gathered once."""
        chosen: list[TensorDictBase] = []
        room = HELD_OUT_BYTES
        for at in reversed(self._held_out.episodes()):
            room -= len(at) * self.frame_bytes
            if chosen and room < 0:
                break
            if len(at) > 1:
                chosen.append(self.trajectory(at))
        return chosen[::-1]

    def trajectory(self, at: Tensor) -> TensorDictBase:
        """The transitions `[T]` between the frames at places `[T + 1]`."""
        frames = each(lambda column: column.index_select(0, at), self.frames.rows[OBSERVATION])
        rows = self.transitions(at[1:], images=False)
        rows[OBSERVATION], rows[NEXT_OBSERVATION] = each(lambda x: x[:-1], frames), each(lambda x: x[1:], frames)
        return rows

    def transitions(self, ends: Tensor, images: bool = True) -> TensorDict:
        """The transitions `[*B]` that end in the frames at places `[*B]`, if wanted without images."""
        rows, flat, shape = self.frames.rows, ends.reshape(-1), ends.shape

        def taken(column: Tensor, at: Tensor) -> Tensor:
            return column.index_select(0, at).unflatten(0, shape)

        terminated, truncated = (taken(rows[key], flat) for key in (ARRIVAL_TERMINATED, ARRIVAL_TRUNCATED))
        found = TensorDict(
            {
                ACTION: taken(rows[PREVIOUS_ACTION], flat),
                TRAJECTORY: taken(rows[TRAJECTORY], flat),
                "next": {REWARD[1]: taken(rows[ARRIVAL_REWARD], flat), TERMINATED[1]: terminated,
                         TRUNCATED[1]: truncated, DONE[1]: terminated | truncated},
            },
            shape,
        )  # fmt: skip
        observed = rows[OBSERVATION] if images else vectors(rows[OBSERVATION])
        if observed is not None:
            for key, at in ((OBSERVATION, self._before[flat]), (NEXT_OBSERVATION, flat)):
                found[key] = each(lambda column, at=at: taken(column, at), observed)
        return found

    def state_dict(self, name: str, saved: Collection[str] = ()) -> dict[str, Any]:
        return saved_rows.save(self.frames.kept, self.frames.written, self._changed, name, saved)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._changed = list(state["changed"])
        self.frames.written = int(state["written"]) - int(state["kept"])
        for piece in saved_rows.load(state):
            self.frames.put(piece[-self.frames.capacity :], self._places(len(piece)))
            self.frames.written += len(piece)
        self.index()

    def _places(self, count: int) -> Tensor:
        """Where the next frames go, or the newest of them, where more come than are kept."""
        number = self.frames.written + torch.arange(max(0, count - self.frames.capacity), count)
        return number % self.frames.capacity


def check_length(sequence_length: int | None, capacity: int) -> None:
    """Raises `ValueError` for a length that no sequence can have."""
    if sequence_length is not None and not 2 <= sequence_length <= capacity:
        raise ValueError(f"sequence_length: need 2 to the capacity, {capacity}, or none, got {sequence_length}")
