"""Whether all numbers of a state are numbers: what is asked before weights are written for good."""

from collections.abc import Mapping

import torch
from torch import Tensor


def nonfinite(state: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor with an entry that is not finite; None where all are."""
    checked = {name: value for name, value in state.items() if torch.is_floating_point(value) and value.numel()}
    if not checked:
        return None
    finite = torch.stack([value.isfinite().all() for value in checked.values()]).tolist()
    return next((name for name, ok in zip(checked, finite, strict=True) if not ok), None)
