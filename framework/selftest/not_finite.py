"""Makes losses or gradients that are not finite, in chosen updates of a run."""

import math
from typing import Any

import pytorch_lightning as pl
import torch
from tensordict import TensorDictBase
from torch import Tensor


class NotFiniteUpdates(pl.Callback):
    """Spoils the updates number `first`, `first + 1`, ... of the process, counted from 0.

    Args:
        what: the `loss`, which becomes NaN, or only its `gradient`, which becomes infinite.
        first: the first update that is spoiled.
        count: how many.

    Raises:
        ValueError: for anything else to be spoiled.
    """

    def __init__(self, what: str, first: int, count: int) -> None:
        if what not in ("loss", "gradient"):
            raise ValueError(f"what: need loss or gradient, got {what}")
        self.what, self.first, self.count = what, first, count
        self.made = 0

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        agent: Any = pl_module
        loss = agent.loss
        weight = next(agent.parameters())

        def spoilt(batch: TensorDictBase) -> dict[str, Tensor]:
            losses = loss(batch)
            number, self.made = self.made, self.made + 1
            if not agent.training or not self.first <= number < self.first + self.count:
                return losses
            name = next(iter(losses))
            if self.what == "loss":
                return {**losses, name: losses[name] * math.nan}
            return {**losses, name: losses[name] + torch.sqrt(weight - weight.detach()).sum()}  # 0, its slope infinite

        agent.loss = spoilt
