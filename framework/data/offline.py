"""Offline data: any model, or any part of one, fitted to logged transitions and judged on some that it never saw.

data = OfflineData("runs/pets/pendulum/...")          a run's own experience, a Minari dataset, an .npz file
Trainer(max_epochs=20).fit(dynamics, datamodule=data)
evaluate(dynamics, data)
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from numpy.typing import ArrayLike
from tensordict import TensorDictBase

from ..keys import HELD_OUT, TRAJECTORY
from ..models.base import Minibatches, Model
from .buffer import Dataset
from .transitions import load_transitions


class OfflineData(pl.LightningDataModule):
    """Batches as `Experience` hands them out, from transitions that are there already.

    They also hold `state` and `next.state`, which are the observations, so that dynamics, reward and termination can be
    fitted without a world model around them.

    Args:
        source: see `load_transitions`.
        seed: of split, batches and bootstrap.
        batch_size: B, of each member.
        members: E, for one bootstrap resample a member; None: every member sees the same batches.
        updates_per_epoch: what one Lightning epoch is; None for one pass over the training transitions.
        updates_per_call: updates in one `training_step`; where an epoch is a pass, its last call may hold fewer.
        held_out_share: of trajectories that are kept for validation, whole: at least one of two or more. Where a run
            held some out, its transitions stay split as they were.
        validation_size: held-out transitions that a validation looks at, at most.

    Raises:
        ValueError: for sizes out of range; see `load_transitions`.
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
    ) -> None:
        super().__init__()
        if min(batch_size, updates_per_call, validation_size, updates_per_epoch or 1, members or 1) < 1:
            raise ValueError("need batch_size, updates_per_call, updates_per_epoch, members, validation_size >= 1")
        if not 0 <= held_out_share < 1:
            raise ValueError(f"held_out_share: need a number in [0, 1), got {held_out_share}")
        self.generator = torch.Generator().manual_seed(seed)
        rows = load_transitions(source)
        was_split = HELD_OUT in rows and bool(rows[HELD_OUT].any())
        held_out = rows[HELD_OUT][:, 0] if was_split else split(rows, held_out_share, self.generator)
        if held_out.all():
            raise ValueError("no trajectory is left to train on")
        self.dataset = Dataset(len(rows), members)
        self.dataset.extend(rows, held_out, self.generator)
        self.batch_size, self.validation_size = batch_size, validation_size
        one_pass = -(-int((~held_out).sum()) // batch_size)
        self.updates_per_epoch = one_pass if updates_per_epoch is None else updates_per_epoch
        self.updates_per_call = updates_per_call

    def held_out(self) -> list[TensorDictBase]:
        """The held-out trajectories, `[T]` each."""
        return [observed(trajectory) for trajectory in self.dataset.trajectories()]

    # ------------------------------------------------------------------ Lightning's hooks

    def train_dataloader(self) -> "Calls":
        return Calls(self)

    def val_dataloader(self) -> "HeldOutOnce":
        return HeldOutOnce(self)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"].cpu())


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
    """One batch of held-out transitions, empty where nothing is held out."""

    def __init__(self, data: OfflineData) -> None:
        self.data = data

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[TensorDictBase]:
        yield observed(self.data.dataset.held_out(self.data.validation_size))


def observed(batch: TensorDictBase) -> TensorDictBase:
    """The batch with its observations as states."""
    batch["state"] = batch["observation"]
    batch["next", "state"] = batch["next", "observation"]
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
