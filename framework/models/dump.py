"""The end of a run whose losses or gradients stay non-finite: what is needed to see why, in one file.

    <run folder>/dump/rank<r>.pt      read with torch.load(path, weights_only=True): plain containers of tensors

`batch` (nested, as TensorDict.to_dict gives it), `losses`, `weights` and `optimizers` before the update, `random` (the
states of all generators before the loss, see `runs/random_states.py`), `counters` and `reason`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import torch
from tensordict import TensorDictBase
from torch import Tensor

from ..runs.random_states import random_states, set_random_states
from ..runs.ranks import gathered, rank

if TYPE_CHECKING:
    from .base import Model


class NotFinite(FloatingPointError):
    """The losses or gradients of too many updates in a row were not finite."""


class Tried(NamedTuple):
    """An update: its batch, losses and notes, and torch's generators before it, of the CPU and of the GPU in use."""

    batch: TensorDictBase
    losses: dict[str, Tensor]
    notes: dict[str, Tensor]
    chance: Tensor
    cuda_chance: Tensor | None


def stop(model: Model, optimizers: Sequence[Any], tried: Tried, skipped: int) -> NoReturn:
    """Writes the dump and ends the run. To be called on every process, with the weights as they were before `tried`.

    Raises:
        NotFinite: says which loss or whose gradient, after how many skipped updates, and where the dump is.
    """
    random = random_states()
    random["torch"] = tried.chance
    if tried.cuda_chance is not None:
        random["cuda"][torch.cuda.current_device()] = tried.cuda_chance
    set_random_states(random)  # so that the losses are worked out again with the same chance
    reasons = [reason for reason in gathered(culprit(model, tried)) if reason]
    reason = reasons[0] if reasons else "the gradient of all processes together is not finite"
    strategy = model.trainer.strategy
    dump = {
        "reason": reason,
        "losses": {name: loss.item() for name, loss in tried.losses.items()},
        "batch": tried.batch.cpu().to_dict(),
        "weights": on_cpu(strategy.lightning_module_state_dict()),
        "optimizers": [on_cpu(strategy.optimizer_state(optimizer)) for optimizer in optimizers],
        "random": random,
        "counters": model.counters(),
    }
    path = Path(model.trainer.default_root_dir) / "dump" / f"rank{rank()}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(dump, path)
    raise NotFinite(
        f"{reason}, after {skipped} skipped updates in a row, as many as update.max_skipped allows. Batch, weights "
        f"before the update, random states and counters: torch.load({str(path)!r}, weights_only=True)"
    )


def culprit(model: Model, tried: Tried) -> str | None:
    """Which loss of a batch is not finite, or else the gradient of which part; None where all are finite here."""
    for name, loss in tried.losses.items():
        if not loss.isfinite():
            return f"loss/{name} became {loss.item()}"
    parts = {name: part for name, part in model.named_modules() if part in model.learned_parts()}
    for name, loss in model.loss(tried.batch).items():
        for where, part in parts.items():
            slopes = torch.autograd.grad(loss, part.own_parameters(), retain_graph=True, allow_unused=True)
            if not all(slope is None or bool(slope.isfinite().all()) for slope in slopes):
                whose = f"of {where or type(part).__name__}"
                return (
                    f"the gradient of loss/{name} in the weights {whose} is not finite (the loss is {loss.item():.6g})"
                )
    return None


def on_cpu(state: Any) -> Any:
    """Nested containers with their tensors on the CPU, in plain dictionaries and lists."""
    if isinstance(state, dict):
        return {name: on_cpu(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return [on_cpu(value) for value in state]
    return state.cpu() if isinstance(state, Tensor) else state
