"""Which replay buffer a run gets, where it lies, and what it costs.

transitions of vectors -> `Dataset`        images, or sequences of whatever -> `FrameDataset`
an agent that learns on-policy -> `LatestCollection`, of vectors
"""

import logging
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from ..models.world_model import WorldModel
from ..runs.ranks import rank
from .buffer import Dataset
from .environments import Environment
from .frame_dataset import FrameDataset
from .frames import frame_bytes
from .latest_collection import LatestCollection, OnPolicy
from .observation_kinds import has_images
from .replay import Replay
from .room import choose, in_words

log = logging.getLogger(__name__)


class Wanted(NamedTuple):
    """What a run asks of its buffer.

    Attributes:
        capacity: transitions, or frames, kept.
        most: frames that this process can record in the run.
        members: E, of an ensemble whose members train on resamples of their own.
        sequence_length: L, or None for transitions.
        on_disk: see `room.choose`.
        on_policy: the agent, where it learns from its latest collection alone.
    """

    capacity: int
    most: int
    members: int
    sequence_length: int | None
    on_disk: bool | str | Path | None
    on_policy: OnPolicy | None = None


def replay(environment: Environment, wanted: Wanted, trainer: Any) -> Replay:
    """The buffer, which has its room from now on; says what it costs where it keeps frames.

    Args:
        environment: whose observations are kept.
        wanted: how many, and how they are handed out.
        trainer: Lightning's, whose folder is the run's, or None.

    Raises:
        ValueError: where there is no room.
    """
    shape, length = environment.observation_shape, wanted.sequence_length
    if wanted.on_policy is not None:
        return LatestCollection(wanted.on_policy)
    if length is None and not has_images(shape):
        return Dataset(wanted.capacity, wanted.members if wanted.members > 1 else None)
    capacity = min(wanted.capacity, max(wanted.most, length or 0))
    on_disk = wanted.on_disk if has_images(shape) else False  # vectors are small
    folder = place(capacity, frame_bytes(shape, environment.action_size), on_disk, trainer)
    return FrameDataset(capacity, shape, environment.action_size, length, folder)


def place(capacity: int, size: int, on_disk: bool | str | Path | None, trainer: Any) -> Path | None:
    """The folder in which a ring of frames of so many bytes lies, None for memory; said once, before the first step."""
    run = Path(tempfile.gettempdir() if trainer is None else trainer.default_root_dir)
    processes = 1 if trainer is None else trainer.num_devices
    need = processes * capacity * size
    saves = trainer is not None and bool(trainer.checkpoint_callbacks)
    folder = choose(need, on_disk, run, 2 * need if saves else 0)  # see `runs/shared_files.py`
    if rank() == 0:
        log.warning(
            "the replay buffer takes up to %s %s%s: %s frames of %s bytes%s",
            in_words(need),
            "of memory" if folder is None else f"on the disk of {folder}",
            ", and twice as much in checkpoints" if saves else "",
            f"{capacity:,}",
            f"{size:,}",
            f" in each of {processes} processes" if processes > 1 else "",
        )
    return folder


def check_sequences(model: Any, sequence_length: int | None) -> None:
    """Raises `ValueError` where a world model learns from sequences and there is no length, or the reverse."""
    if not isinstance(model, WorldModel) or model.sequences == (sequence_length is not None):
        return
    name = type(model).__name__
    if model.sequences:
        raise ValueError(f"sequence_length: need a number of frames, since {name} learns from sequences, got none")
    raise ValueError(f"sequence_length: need none, since {name} learns from transitions, got {sequence_length}")


def check_on_policy(agent: Any, base_policy: Any, sequence_length: int | None) -> None:
    """Raises `ValueError` where an agent that learns on-policy would get what it did not do, or sequences."""
    if not isinstance(agent, OnPolicy):
        return
    name = type(agent).__name__
    if base_policy is not None:
        raise ValueError(
            f"base_policy: need none, since {name} learns from what it does itself, got {type(base_policy).__name__}"
        )
    if sequence_length is not None:
        raise ValueError(f"sequence_length: need none, since {name} learns from transitions, got {sequence_length}")
