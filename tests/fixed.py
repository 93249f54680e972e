"""Fitting to batches that are given, so that two ways of making the same updates can be compared."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from tensordict import TensorDict
from worlds import inferred, transitions

from fulgurite.models.base import Minibatches, Model


class Given:
    """Batches `[C, K, (E,) B]` as a loader: C calls of K updates. Of several processes each gets its part of B."""

    def __init__(self, batches: TensorDict, rank: int = 0, ranks: int = 1) -> None:
        self.batches = batches.chunk(ranks, -1)[rank]

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Minibatches]:
        for stacked in self.batches.unbind(0):
            yield Minibatches(stacked.clone())


def batches(*shape: int, seed: int = 0) -> TensorDict:
    """Transitions of s' = s + a / 10 plus noise, with 3 states and 1 action."""
    generator = torch.Generator().manual_seed(seed)
    state = torch.randn(*shape, 3, generator=generator)
    action = torch.rand(*shape, 1, generator=generator) * 2 - 1
    noise = 0.01 * torch.randn(state.shape, generator=generator)
    return inferred(transitions(state, action, state + 0.1 * action + noise))


def fit(model: Model, loader: Any, folder: Path | None = None, **trainer: Any) -> Model:
    """The model after one pass over the batches."""
    arguments = {"max_epochs": 1, "accelerator": "cpu", "devices": 1, "default_root_dir": folder}
    quiet = ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary")
    pl.Trainer(**{**arguments, **dict.fromkeys(quiet, False), **trainer}).fit(model, loader)
    return model
