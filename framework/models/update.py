"""One update: the gradient of all losses together, then a step of every part's optimiser, or of none.

    g = 1/k sum_i grad sum_j loss_j(piece i of the batch)        step where all of g is finite, else keep everything

A batch may be worked through in k pieces, which needs less memory and gives the same g, up to rounding, where losses
are means over the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from pytorch_lightning.strategies import ParallelStrategy
from tensordict import TensorDictBase
from torch import Tensor

from ..runs.ranks import world_size
from .dump import Tried, stop
from .guard import Guard

if TYPE_CHECKING:
    from .base import Model

Losses = dict[str, Tensor]


class Parts(NamedTuple):
    """The models in what is fitted, itself among them: all, those whose gradient is clipped, those that follow."""

    every: Sequence[Model]
    clipped: Sequence[Model]
    following: Sequence[Model]


class Update:
    """How the model that is being fitted makes its updates; each model has its own.

    Args:
        max_skipped: how many updates in a row may be skipped because a loss or a gradient is not finite; the next one
            stops the run.
        accumulate: k, equal pieces of each batch whose gradients are averaged; 1 for the whole batch at once.
        compiled: the losses by torch.compile, which takes half a minute at the first update.

    Raises:
        ValueError: for k < 1 or a negative `max_skipped`.
    """

    def __init__(self, max_skipped: int = 3, accumulate: int = 1, compiled: bool = False) -> None:
        if accumulate < 1:
            raise ValueError(f"accumulate: need at least 1, got {accumulate}")
        self.guard = Guard(max_skipped)
        self.accumulate = accumulate
        self.compiled = compiled
        self._compiled_loss: Any = None

    def check(self, batch_size: int) -> None:
        """Raises `ValueError` where a batch of so many rows cannot be cut into k equal pieces."""
        if batch_size % self.accumulate:
            raise ValueError(
                f"update.accumulate: need a divisor of the batch size, {batch_size}, got {self.accumulate}"
            )

    def make(
        self,
        model: Model,
        rows: TensorDictBase,
        optimizers: Sequence[Any],
        parts: Parts,
    ) -> list[Losses]:
        """An update from each of the batches `[K, (E,) B]`.

        Returns:
            of those that were not skipped every `loss/<name>`, and what was noted with it.

        Args:
            model: what is fitted.
            rows: see `Model`.
            optimizers: Lightning's, of all parts.
            parts: of what is fitted.

        Raises:
            NotFinite: after more skipped updates in a row than allowed; see `dump.stop`.
        """
        self.check(rows.shape[-1])
        parameters = [p for optimizer in optimizers for group in optimizer.param_groups for p in group["params"]]
        self.guard.start(len(rows), model.device)
        share = torch.tensor(1 / self.accumulate, device=model.device)
        on_gpu = model.device.type == "cuda"
        tried = []
        for batch in rows.unbind(0):
            chance = torch.get_rng_state(), torch.cuda.get_rng_state() if on_gpu else None
            losses = self._backward(model, batch, share)
            notes = taken_notes(parts)
            skip = self.guard.judge([p.grad for p in parameters if p.grad is not None])
            for part in parts.clipped:
                torch.nn.utils.clip_grad_norm_(part.own_parameters(), part.gradient_clip or 0.0)
            for optimizer in optimizers:
                step(optimizer, skip)
            for parameter in parameters:  # as the optimisers' own zero_grad does, at a fifth of the time
                parameter.grad = None
            for part in parts.following:
                part.follow()
            tried.append(Tried(batch, losses, notes, *chance))
        skipped = self.guard.finish()
        if self.guard.in_a_row > self.guard.limit:
            stop(model, optimizers, tried[len(tried) - self.guard.in_a_row + self.guard.limit], self.guard.limit)
        return [
            {**{f"loss/{name}": loss for name, loss in one.losses.items()}, **one.notes}
            for one, skip in zip(tried, skipped, strict=True)
            if not skip
        ]

    def _backward(self, model: Model, batch: TensorDictBase, share: Tensor) -> Losses:
        """Adds the gradient of the batch, none in what rests, and gives its losses."""
        resting = awaited(model)
        k = self.accumulate
        pieces = [batch] if k == 1 else batch.split(batch.shape[-1] // k, -1)
        found = []
        for i, piece in enumerate(pieces, start=1):
            with nullcontext() if i == k else unsynchronised(model):
                losses = self._loss(model, piece)
                if losses:
                    whole = total(losses)
                    for parameter in resting:
                        whole = whole + 0.0 * parameter.sum()
                    # 0 x inf is not a number: a loss that is not finite shows in the gradients, on all processes
                    model.manual_backward(whole, gradient=share.add(whole.detach(), alpha=0.0))
            found.append({name: loss.detach() for name, loss in losses.items()})
        for parameter in resting:
            parameter.grad = None  # a zero would let the optimiser's averages move it
        return found[0] if k == 1 else {name: torch.stack([one[name] for one in found]).mean(0) for name in found[0]}

    def _loss(self, model: Model, batch: TensorDictBase) -> Losses:
        if not self.compiled:
            return model.loss(batch)
        if self._compiled_loss is None:
            self._compiled_loss = torch.compile(model.loss)
        return self._compiled_loss(batch)


def awaited(model: Model) -> list[Tensor]:
    """What rests in this update, though several processes wait for a gradient of every parameter; alone, nothing."""
    if world_size() == 1:
        return []
    return [parameter for part in model.resting() for parameter in part.parameters() if parameter.requires_grad]


def taken_notes(parts: Parts) -> Losses:
    """What the parts noted, which they forget; of an update in pieces that of the last one."""
    notes: Losses = {}
    for part in parts.every:
        if part._notes:
            notes |= part._notes
            part._notes = {}
    return notes


def step(optimizer: Any, skip: Tensor) -> None:
    """A step unless `skip` is 1.

    A fused optimiser looks on its device, so that the host need not wait for it; elsewhere the host asks.
    """
    own = optimizer.optimizer
    if skip.is_cuda and getattr(own, "_step_supports_amp_scaling", False):
        own.found_inf = skip
        optimizer.step()
    elif not skip.item():
        optimizer.step()


def unsynchronised(model: Model) -> AbstractContextManager[Any]:
    """Gradients of several processes are averaged once an update, not once a piece."""
    strategy = model.trainer.strategy
    return strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext()


def total(losses: Losses) -> Tensor:
    """The sum of the losses, a scalar."""
    first, *others = losses.values()
    return sum(others, start=first)
