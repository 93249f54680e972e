"""Whether all numbers of a state are numbers: what is asked before weights are written for good."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


def nonfinite(state: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with an entry that is not finite; None where all are."""
    checked = {name: value for name, value in state.items() if torch.is_floating_point(value) and value.numel()}
    if not checked:
        return None
    verdicts = [value.isfinite().all() for value in checked.values()]
    # Optimisers keep their count of steps on the CPU, whatever the device of the weights.
    finite = torch.stack([verdict.to(verdicts[0].device) for verdict in verdicts]).tolist()
    return next((name for name, ok in zip(checked, finite, strict=True) if not ok), None)


def moments(module: nn.Module, optimizers: Iterable[Optimizer]) -> dict[str, Tensor]:
    """What optimisers remember of a module's gradients, by the names of the weights.

    A gradient of 1e22 is finite, its square is not: Adam would never move that weight again.
    """
    names: dict[Tensor, str] = {weight: name for name, weight in module.named_parameters()}
    return {
        f"{key} of {names.get(weight, 'a weight')}": value
        for optimizer in optimizers
        for weight, kept in optimizer.state.items()
        for key, value in kept.items()
        if isinstance(value, Tensor)
    }
