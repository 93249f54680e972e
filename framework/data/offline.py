"""Offline data: any model, or any part of one, fitted to logged transitions and judged on some that it never saw.

data = OfflineData("runs/pets/pendulum/...")          a run's own experience, a Minari dataset, an .npz file
Trainer(max_epochs=20).fit(dynamics, datamodule=data)
evaluate(dynamics, data)
"""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from numpy.typing import ArrayLike
from tensordict import TensorDictBase

from ..keys import HELD_OUT, NEXT_OBSERVATION, OBSERVATION, TRAJECTORY
from ..models.base import Minibatches, Model
from ..runs.ranks import gathered_at_first, rank
from .buffer import Dataset
from .frame_dataset import FrameDataset, check_length
from .frames import beginnings, frame_bytes
from .observation_kinds import has_images, shape_of
from .replay import Replay
from .replay_choice import check_sequences
from .room import choose
from .transitions import check_follow, load_transitions


class OfflineData(pl.LightningDataModule):
    """Batches as `Experience` hands them out, from transitions that are there already.

    Transitions of vectors also hold `state` and `next.state`, which are the observations, so that dynamics, reward and
    termination can be fitted without a world model around them.

    With several processes all have the same data, split and resampled alike, and each draws batches of its own.

    Args:
        source: see `load_transitions`.
        seed: of split, batches and bootstrap.
        batch_size: B, of each member; of sequences, where these are handed out.
        members: E, for one bootstrap resample a member; None: every member sees the same batches.
        updates_per_epoch: what one Lightning epoch is; None for one pass over the training transitions, or frames.
        updates_per_call: updates in one `training_step`; where an epoch is a pass, its last call may hold fewer.
        held_out_share: of trajectories that are kept for validation, whole: at least one of two or more. Where a run
            held some out, its transitions stay split as they were.
        validation_size: held-out transitions that a validation looks at, at most; frames, of sequences.
        sequence_length: L, frames of the sequences (`keys.SEQUENCE`) that are handed out instead of transitions.

    Raises:
        ValueError: for sizes out of range; for images and sequences also with `members`, and where an observation is
            not the one that was arrived at before; when it is fitted to, for a world model that needs sequences
            without a length, or the reverse; see `load_transitions`.
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, ArrayLike],
        seed: int = 0,
        batch_size: int = 256,
        members: int | None = None,
        updates_per_epoch: int | None = None,
        updates_per_call: int = 20,
        held_out_share: float = 0.1,
        validation_size: int = 100_000,
        sequence_length: int | None = None,
    ) -> None:
        super().__init__()
        if min(batch_size, updates_per_call, validation_size, updates_per_epoch or 1, members or 1) < 1:
            raise ValueError("need batch_size, updates_per_call, updates_per_epoch, members, validation_size >= 1")
        if not 0 <= held_out_share < 1:
            raise ValueError(f"held_out_share: need a number in [0, 1), got {held_out_share}")
        self.seed, self.sequence_length = seed, sequence_length
        self._shared = torch.Generator().manual_seed(seed)  # the same in all processes
        self._generator: torch.Generator | None = None
        rows = load_transitions(source)
        was_split = HELD_OUT in rows and bool(rows[HELD_OUT].any())
        held_out = rows[HELD_OUT][:, 0] if was_split else split(rows, held_out_share, self._shared)
        if held_out.all():
            raise ValueError("no trajectory is left to train on")
        self.dataset = kept(rows, members, sequence_length)
        self.dataset.extend(rows, held_out, self._shared)
        self.batch_size, self.validation_size = batch_size, validation_size
        trained = int((~held_out).sum())
        if sequence_length is not None:
            trained += int(beginnings(rows, set())[~held_out].sum())
        one_pass = -(-trained // (batch_size * (sequence_length or 1)))
        self.updates_per_epoch = one_pass if updates_per_epoch is None else updates_per_epoch
        self.updates_per_call = updates_per_call

    @property
    def generator(self) -> torch.Generator:
        """The source of chance of this process' batches."""
        if self._generator is None:
            apart = torch.Generator().manual_seed(self.seed + 104_729 * rank())
            self._generator = apart if rank() else self._shared
        return self._generator

    def held_out(self) -> list[TensorDictBase]:
        """The held-out trajectories, `[T]` each."""
        return [observed(trajectory) for trajectory in self.dataset.trajectories()]

    # ------------------------------------------------------------------ Lightning's hooks

    def setup(self, stage: str) -> None:
        if self.trainer is not None:
            check_sequences(self.trainer.lightning_module, self.sequence_length)

    def train_dataloader(self) -> "Calls":
        return Calls(self)

    def val_dataloader(self) -> "HeldOutOnce":
        return HeldOutOnce(self)

    def state_dict(self) -> dict[str, Any]:
        """The chance of all processes."""
        return {"ranks": gathered_at_first({"generator": self.generator.get_state()})}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes this process' part; one that was not there then goes on with chance of its own."""
        ranks = state.get("ranks", [state])
        if rank() < len(ranks):
            self.generator.set_state(ranks[rank()]["generator"].cpu())


def kept(rows: TensorDictBase, members: int | None, sequence_length: int | None) -> Replay:
    """An empty buffer in which there is room for transitions `[B]`.

    Raises:
        ValueError: see `OfflineData`.
    """
    shape = shape_of(rows[OBSERVATION])
    if sequence_length is None and not has_images(shape):
        return Dataset(len(rows), members)
    if members is not None:
        raise ValueError(f"members: need none with images or sequences, which all members see alike, got {members}")
    check_follow(rows)
    frames, action_size = len(rows) + int(beginnings(rows, set()).sum()), rows["action"].shape[1]
    check_length(sequence_length, frames)
    folder = choose(frames * frame_bytes(shape, action_size), None, Path(tempfile.gettempdir()))
    return FrameDataset(frames, shape, action_size, sequence_length, folder)


class Calls:
    """One epoch of training: several minibatches a `training_step`."""

    def __init__(self, data: OfflineData) -> None:
        self.data = data

    def __len__(self) -> int:
        return -(-self.data.updates_per_epoch // self.data.updates_per_call)

    def __iter__(self) -> Iterator[Minibatches]:
        it = self.data
        for done in range(0, it.updates_per_epoch, it.updates_per_call):
            count = min(it.updates_per_call, it.updates_per_epoch - done)
            yield Minibatches(observed(it.dataset.sample(count, it.batch_size, it.generator)))


class HeldOutOnce:
    """One batch of held-out transitions or sequences, empty where nothing is held out."""

    def __init__(self, data: OfflineData) -> None:
        self.data = data

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[TensorDictBase]:
        yield observed(self.data.dataset.held_out(self.data.validation_size))


def observed(batch: TensorDictBase) -> TensorDictBase:
    """The batch, transitions of vectors with their observations as states."""
    observation = batch.get(OBSERVATION)
    if NEXT_OBSERVATION in batch.keys(True) and observation.dtype == torch.float32:  # not nested, nor an image
        batch["state"] = observation
        batch["next", "state"] = batch[NEXT_OBSERVATION]
    return batch


def split(rows: TensorDictBase, share: float, generator: torch.Generator) -> torch.Tensor:
    """Which rows `[B]` belong to the trajectories that are held out."""
    numbers = rows[TRAJECTORY][:, 0].unique()
    count = max(round(share * len(numbers)), 1) if share and len(numbers) > 1 else 0
    chosen = numbers[torch.randperm(len(numbers), generator=generator)[:count]]
    return torch.isin(rows[TRAJECTORY][:, 0], chosen)


@torch.no_grad()
def evaluate(model: Model, data: OfflineData) -> dict[str, float]:
    """The model's scores on the held-out transitions, by name; a score for each member is averaged.

    Raises:
        ValueError: where nothing is held out.
    """
    (batch,) = data.val_dataloader()
    if not len(batch):
        raise ValueError("no trajectory is held out: need at least two, and held_out_share > 0")
    was_training = model.training
    scores = model.eval().evaluate(batch.to(model.device))
    model.train(was_training)
    return {name: score.float().mean().item() for name, score in scores.items()}
